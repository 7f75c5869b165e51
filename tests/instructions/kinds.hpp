// What work.cpp and encode.cpp share: `PROGRAM KIND N` does one kind of work N times.
#pragma once

#include <cstdlib>
#include <initializer_list>
#include <string_view>

struct Kind {
    std::string_view name;
    void (*run)(int);
};

/// The exit status.
inline int run_kind(int argc, char** argv, std::initializer_list<Kind> kinds) {
    int const n = argc == 3 ? std::atoi(argv[2]) : 0;
    if (n < 1) return 2;
    for (auto const& kind : kinds)
        if (argv[1] == kind.name) return kind.run(n), 0;
    return 2;
}
