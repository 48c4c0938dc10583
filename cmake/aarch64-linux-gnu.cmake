# Cross-build for 64-bit Arm Linux with Debian's g++-aarch64-linux-gnu; tests run under qemu-aarch64-static:
#   cmake -S . -B build/aarch64 -DCMAKE_TOOLCHAIN_FILE=cmake/aarch64-linux-gnu.cmake -DEDGEBERT_QEMU_CPU=cortex-a76
# EDGEBERT_QEMU_CPU names the processor to emulate: cortex-a53 has no dotprod, cortex-a76 has it, max has i8mm too.
set(CMAKE_SYSTEM_NAME Linux)
set(CMAKE_SYSTEM_PROCESSOR aarch64)
set(CMAKE_C_COMPILER aarch64-linux-gnu-gcc)
set(CMAKE_CXX_COMPILER aarch64-linux-gnu-g++)
set(CMAKE_FIND_ROOT_PATH_MODE_PROGRAM NEVER)

set(EDGEBERT_QEMU_CPU max CACHE STRING "Processor that qemu-aarch64-static emulates")
list(APPEND CMAKE_TRY_COMPILE_PLATFORM_VARIABLES EDGEBERT_QEMU_CPU)
find_program(EDGEBERT_QEMU qemu-aarch64-static)
if(EDGEBERT_QEMU)
  set(CMAKE_CROSSCOMPILING_EMULATOR ${EDGEBERT_QEMU} -cpu ${EDGEBERT_QEMU_CPU} -L /usr/aarch64-linux-gnu)
endif()
