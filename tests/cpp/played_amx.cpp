#include "played_amx.h"

#if defined(EDGEBERT_PATH_AMX_INT8) && defined(__linux__)

#include <signal.h>
#include <ucontext.h>

#include "check.h"
#include "engine/kernels/cpu.h"
#include "engine/kernels/paths.h"
#include "matrix_unit.h"

namespace {

MatrixUnit unit;

/// General registers in the order of their numbers in an instruction.
constexpr int kGeneral[] = {REG_RAX, REG_RCX, REG_RDX, REG_RBX, REG_RSP, REG_RBP, REG_RSI, REG_RDI,
                            REG_R8,  REG_R9,  REG_R10, REG_R11, REG_R12, REG_R13, REG_R14, REG_R15};

/// An instruction with the prefix VEX of three bytes and a ModRM byte (Intel's manual, volume 2, chapter 2).
class Instruction {
  public:
    Instruction(const std::uint8_t *at, const greg_t *registers) : at_(at), registers_(registers) {
        if (mod() == 3) return;
        const bool far = mod() == 2 || (mod() == 0 && base() == 5);
        length_ += (has_index() ? 1u : 0u) + (mod() == 1 ? 1u : far ? 4u : 0u);
    }

    /// VEX.128, the opcodes 0F 38 and W0, as all of the unit's instructions have.
    bool is_of_unit() const { return at_[0] == 0xC4 && (at_[1] & 0x9F) == 0x82 && (at_[2] & 0x84) == 0; }

    int prefix() const { return at_[2] & 3; } // 0: none, 1: 66, 2: F3, 3: F2
    int opcode() const { return at_[3]; }
    int mod() const { return at_[4] >> 6; }
    int reg() const { return at_[4] >> 3 & 7; }
    int rm() const { return at_[4] & 7; }
    int third() const { return ~(at_[2] >> 3) & 15; } // VEX.vvvv
    std::size_t length() const { return length_; }

    /// The address without its index, which the unit takes for a stride.
    char *address() const {
        std::int64_t offset = 0;
        const std::uint8_t *const rest = at_ + 5 + (has_index() ? 1 : 0);
        if (mod() == 1) offset = static_cast<std::int8_t>(*rest);
        const bool without_base = mod() == 0 && base() == 5;
        if (mod() == 2 || without_base) {
            std::int32_t four;
            std::memcpy(&four, rest, sizeof four);
            offset = four;
        }
        if (!without_base) {
            offset += registers_[kGeneral[base() + ((at_[1] & 0x20) == 0 ? 8 : 0)]];
        } else if (!has_index()) {
            offset += reinterpret_cast<std::int64_t>(at_) +
                      static_cast<std::int64_t>(length_); // from the next instruction on
        }
        return reinterpret_cast<char *>(offset);
    }

    std::int64_t stride() const {
        const int index = (at_[5] >> 3 & 7) + ((at_[1] & 0x40) == 0 ? 8 : 0);
        return index == 4 ? 0 : static_cast<std::int64_t>(registers_[kGeneral[index]]) << (at_[5] >> 6);
    }

  private:
    bool has_index() const { return rm() == 4; }
    int base() const { return has_index() ? at_[5] & 7 : rm(); }

    const std::uint8_t *at_;
    const greg_t *registers_;
    std::size_t length_ = 5;
};

/// Plays an instruction of the unit. False: it is another one.
bool play(const Instruction &instruction) {
    if (!instruction.is_of_unit()) return false;
    const bool memory = instruction.mod() != 3;
    const int reg = instruction.reg(), rm = instruction.rm();
    switch (instruction.opcode() << 4 | instruction.prefix()) {
    case 0x490:
        if (!memory) {
            unit.release();
        } else {
            MatrixUnit::Shapes shapes;
            std::memcpy(&shapes, instruction.address(), sizeof shapes);
            unit.configure(shapes);
        }
        return true;
    case 0x493:
        if (memory) return false;
        unit.zero(reg);
        return true;
    case 0x4B3:
        if (!memory) return false;
        unit.load(reg, instruction.address(), instruction.stride());
        return true;
    case 0x4B2:
        if (!memory) return false;
        unit.store(reg, instruction.address(), instruction.stride());
        return true;
    case 0x5E1:
        if (memory) return false;
        unit.multiply(reg, rm, instruction.third());
        return true;
    default: return false;
    }
}

void on_trap(int number, siginfo_t *, void *context) {
    greg_t *const registers = static_cast<ucontext_t *>(context)->uc_mcontext.gregs;
    const Instruction instruction(reinterpret_cast<const std::uint8_t *>(registers[REG_RIP]), registers);
    if (!play(instruction)) {
        signal(number, SIG_DFL); // the instruction traps again, and ends the test
        return;
    }
    registers[REG_RIP] += static_cast<greg_t>(instruction.length());
}

const edgebert::engine::Kernels *find_kernels() {
    const edgebert::engine::Cpu cpu = edgebert::engine::detect_cpu();
    if (cpu.amx_int8 || !cpu.avx512_vnni) return nullptr;
    struct sigaction action = {};
    action.sa_sigaction = &on_trap;
    action.sa_flags = SA_SIGINFO;
    sigaction(SIGILL, &action, nullptr);
    const edgebert::engine::Kernels *const kernels = edgebert::engine::amx_int8_kernels();
    CHECK(kernels != nullptr); // else the unit did not multiply as it is defined
    return kernels;
}

} // namespace

const edgebert::engine::Kernels *played_amx_kernels() {
    static const edgebert::engine::Kernels *const kernels = find_kernels();
    return kernels;
}

#else

const edgebert::engine::Kernels *played_amx_kernels() { return nullptr; }

#endif
