// The cases, each a plain function: the runner of main.cpp and Google Benchmark both take them from here.
#pragma once

#include <vector>

#include "measure.hpp"

namespace benchmarks {

void add_span_cases(std::vector<Case>& cases);
void add_request_cases(std::vector<Case>& cases);
void add_body_cases(std::vector<Case>& cases);
void add_encode_cases(std::vector<Case>& cases);
void add_rollup_cases(std::vector<Case>& cases);

/// All of them, the floor first.
inline std::vector<Case> all_cases() {
    std::vector<Case> cases{{.name = "floor: two counter reads and a 32-byte store", .run = floors}};
    add_span_cases(cases);
    add_request_cases(cases);
    add_body_cases(cases);
    add_encode_cases(cases);
    add_rollup_cases(cases);
    return cases;
}

}  // namespace benchmarks
