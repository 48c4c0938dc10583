# Cross-build for 64-bit Arm Linux with Debian's g++-aarch64-linux-gnu:
#   cmake -S . -B build/aarch64 -DCMAKE_TOOLCHAIN_FILE=cmake/aarch64-linux-gnu.cmake
# Tests run under qemu-aarch64-static; the variable QEMU_CPU names the processor that it emulates.
set(CMAKE_SYSTEM_NAME Linux)
set(CMAKE_SYSTEM_PROCESSOR aarch64)
set(CMAKE_C_COMPILER aarch64-linux-gnu-gcc)
set(CMAKE_CXX_COMPILER aarch64-linux-gnu-g++)
set(CMAKE_FIND_ROOT_PATH_MODE_PROGRAM NEVER)

find_program(EDGEBERT_QEMU qemu-aarch64-static)
if(EDGEBERT_QEMU)
  set(CMAKE_CROSSCOMPILING_EMULATOR ${EDGEBERT_QEMU} -L /usr/aarch64-linux-gnu)
endif()
