// How often the program has asked for memory so far, in any thread.
#pragma once

long allocations();
