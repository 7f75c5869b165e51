// What the tool server says of its backends at the end: what each took, what waits for it, and what was lost by cause.
//
// "Exported" without numbers hides the loss that matters. Each record that was offered is in one of these counts.
#pragma once

#include <cstdint>
#include <cstdio>
#include <cstring>
#include <filesystem>
#include <stdexcept>
#include <string>

#include <lastbyte/pipeline/worker.hpp>
#include <lastbyte/transport/http.hpp>

#include "report.hpp"

/// What became of the records for one backend.
struct Deliveries {
    char const* name;
    char const* what;   ///< the records are called so
    std::string place;  ///< the URL or file
    lastbyte::PipelineReport report;
    std::filesystem::path spool{};     ///< empty: there is none
    std::string problem{};             ///< the transport's last one; empty: it had none
    std::uint64_t refused_singly = 0;  ///< rows that the backend left out of what it took: `report` has them as delivered
};

inline void tell(Deliveries const& told) {
    auto const& report = told.report;
    std::uint64_t const delivered = report.delivered - told.refused_singly;
    std::string text = std::string{told.name} + ": " + grouped(delivered) + " of " +
                       grouped(report.offered + report.recovered) + ' ' + told.what + " delivered to " + told.place;
    if (report.recovered != 0) {
        text += " (" + grouped(report.recovered) + " of them are of an earlier run)";
    }
    auto const add = [&](std::uint64_t count, std::string const& why) {
        if (count != 0) {
            text += "; " + grouped(count) + ' ' + why;
        }
    };
    add(report.in_spool, "wait in " + told.spool.string() + " for the next run");
    add(report.in_memory, "lost: the time to deliver them was over");
    add(report.full + report.evicted, "lost: the memory for those that wait was full");
    add(report.too_large, "lost: longer than a record may be");
    add(report.no_memory, "lost: there was no memory");
    add(report.refused + told.refused_singly, "lost: refused by the backend");
    add(report.spool_lost, "lost: they can't be read from " + told.spool.string() + " any more");
    std::printf("%s\n", text.c_str());
    if (delivered != report.offered + report.recovered && !told.problem.empty()) {
        std::printf("    %s\n", told.problem.c_str());
    }
}

/// Texts of up to a megabyte, and a file for those that the backend doesn't take.
inline lastbyte::WorkerOptions spooling(std::filesystem::path const& spool) {
    return {.spool = spool.c_str(), .batch_bytes = std::size_t{1} << 20};
}

/// Another process may have it, or the disk is full: the server runs all the same.
inline void warn_without_spool(lastbyte::WorkerStatus const& status, std::filesystem::path const& spool) {
    if (status.spool_errno != 0) {
        std::fprintf(stderr, "tool_server: %s: %s; what the backend doesn't take waits in memory only\n", spool.c_str(),
                     std::strerror(status.spool_errno));
    }
}

inline void refuse_bad_url(lastbyte::HttpTransport const& http) {
    if (!http) {
        throw std::runtime_error{http.error().text};
    }
}
