#include "double_array_builder.h"

#include <algorithm>
#include <utility>

#include "error.h"

namespace edgebert::text {
namespace {

constexpr std::uint32_t kOpenBlocks = 16; // older blocks take no more nodes: keeps building linear

class Builder {
  public:
    explicit Builder(const std::vector<TrieKey> (&keys)[kRootCount]) : keys_(keys) {
        grow();
        for (std::uint32_t root = 0; root < kRootCount; ++root)
            taken_[root] = true;
        base_taken_[0] = true; // 0 marks a node without children
    }

    std::vector<TrieNode> run() {
        for (std::uint32_t root = 0; root < kRootCount; ++root)
            push(root, root, 0, keys_[root].size(), 0);
        while (!jobs_.empty()) {
            const Job job = jobs_.back();
            jobs_.pop_back();
            place_children(job);
        }
        return std::move(nodes_);
    }

  private:
    struct Job {
        std::uint32_t root, node;
        std::size_t begin, end, depth; // keys with a common prefix of `depth` bytes
    };
    struct Child {
        unsigned char label;
        std::size_t begin, end;
    };

    void push(std::uint32_t root, std::uint32_t node, std::size_t begin, std::size_t end, std::size_t depth) {
        if (begin < end) jobs_.push_back({root, node, begin, end, depth});
    }

    void grow() {
        const auto size = static_cast<std::uint32_t>(nodes_.size()) + kTrieBlock;
        if (size > kTrieMaxNodes) throw TokenizerFileError("the vocabulary is too large for the trie");
        nodes_.resize(size, TrieNode{0, -1});
        taken_.resize(size, false);
        base_taken_.resize(size, false);
        const std::uint32_t oldest = size / kTrieBlock > kOpenBlocks ? size - kOpenBlocks * kTrieBlock : 0;
        first_free_ = std::max(first_free_, oldest);
    }

    void split(const Job &job) {
        const std::vector<TrieKey> &keys = keys_[job.root];
        children_.clear();
        for (std::size_t i = job.begin; i < job.end; ++i) {
            const auto label = static_cast<unsigned char>(keys[i].bytes[job.depth]);
            if (children_.empty() || children_.back().label != label) children_.push_back({label, i, i});
            children_.back().end = i + 1;
        }
    }

    bool fits(std::uint32_t base) const {
        if (base_taken_[base]) return false;
        return std::none_of(children_.begin(), children_.end(),
                            [&](const Child &child) { return taken_[base ^ child.label]; });
    }

    std::uint32_t find_base() {
        while (first_free_ < nodes_.size() && taken_[first_free_])
            ++first_free_;
        for (std::uint32_t slot = first_free_;; ++slot) {
            if (slot == nodes_.size()) grow();
            if (taken_[slot]) continue;
            const std::uint32_t base = slot ^ children_.front().label;
            if (fits(base)) return base;
        }
    }

    void place_children(const Job &job) {
        const std::vector<TrieKey> &keys = keys_[job.root];
        std::size_t begin = job.begin;
        while (begin < job.end && keys[begin].bytes.size() == job.depth)
            ++begin; // the key that ends at this node
        split({job.root, job.node, begin, job.end, job.depth});
        if (children_.empty()) return;
        const std::uint32_t base = find_base();
        base_taken_[base] = true;
        nodes_[job.node].link |= base << 9;
        for (const Child &child : children_) {
            const std::uint32_t slot = base ^ child.label;
            const TrieKey &first = keys[child.begin];
            taken_[slot] = true;
            nodes_[slot] = {0x100u | child.label, first.bytes.size() == job.depth + 1 ? first.value : -1};
            push(job.root, slot, child.begin, child.end, job.depth + 1);
        }
    }

    const std::vector<TrieKey> (&keys_)[kRootCount];
    std::vector<TrieNode> nodes_;
    std::vector<bool> taken_, base_taken_;
    std::vector<Job> jobs_;
    std::vector<Child> children_;
    std::uint32_t first_free_ = 0;
};

} // namespace

std::vector<TrieNode> build_double_array(std::vector<TrieKey> (&keys)[kRootCount]) {
    for (std::vector<TrieKey> &list : keys) {
        std::stable_sort(list.begin(), list.end(),
                         [](const TrieKey &left, const TrieKey &right) { return left.bytes < right.bytes; });
    }
    return Builder(keys).run();
}

} // namespace edgebert::text
