// Cuts a product into tiles that fit the registers.
#pragma once

#include <cstddef>
#include <utility>

namespace edgebert::engine {

/// Calls `each(Tile<Path, Rows, Panels>(), row, column)` for tiles of at most Path::kRows rows and Path::kPanels
/// panels of 16 columns. Rows are shared out evenly, since a tile of few rows wastes the multiplier; panels outermost,
/// so that a panel is read from memory once and from the first-level cache after that.
template <class Path, template <class, int, int> class Tile, class Each> class Tiler {
  public:
    Tiler(std::size_t rows, Each &each) : rows_(rows), each_(each) {}

    void panels(std::size_t count) {
        std::size_t panel = 0;
        for (; panel + Path::kPanels <= count; panel += Path::kPanels)
            column<Path::kPanels>(panel * 16);
        for (; panel < count; ++panel)
            column<1>(panel * 16);
    }

  private:
    template <int Panels> void column(std::size_t first) {
        const std::size_t tiles = (rows_ + Path::kRows - 1) / Path::kRows;
        for (std::size_t tile = 0; tile < tiles; ++tile) {
            const std::size_t begin = rows_ * tile / tiles, end = rows_ * (tile + 1) / tiles;
            dispatch<Panels>(begin, end - begin, first, std::make_integer_sequence<int, Path::kRows>());
        }
    }

    template <int Panels, int... Index>
    void dispatch(std::size_t row, std::size_t count, std::size_t first, std::integer_sequence<int, Index...>) {
        const bool found = ((count == Index + 1 && (each_(Tile<Path, Index + 1, Panels>(), row, first), true)) || ...);
        static_cast<void>(found);
    }

    std::size_t rows_;
    Each &each_;
};

template <class Path, template <class, int, int> class Tile, class Each>
void for_tiles(std::size_t rows, std::size_t panels, Each each) {
    Tiler<Path, Tile, Each>(rows, each).panels(panels);
}

} // namespace edgebert::engine
