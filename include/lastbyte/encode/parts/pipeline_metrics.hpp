// Which metrics a pipeline's report is: each loss by its cause, so that an alert can say why rows are missing.
//
// One sum of losses tells that something is wrong, and not whether to look at the backend, the disk or the memory. The
// report is taken for what it has, not by its name: encoders don't know pipelines. A table of constants.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string_view>

namespace lastbyte {

/// The report of one of several pipelines: its metrics have the label `pipeline="rows"`.
template <class Report>
struct NamedPipeline {
    std::string_view name;
    Report report;
};
template <class Report>
NamedPipeline(std::string_view, Report) -> NamedPipeline<Report>;

namespace detail {
template <class Report, std::size_t N>
struct NamedPipelines {
    NamedPipeline<Report> all[N];
    [[nodiscard]] constexpr NamedPipeline<Report> const* begin() const noexcept { return all; }
    [[nodiscard]] constexpr NamedPipeline<Report> const* end() const noexcept { return all + N; }
};
}  // namespace detail

/// For write_metrics, which takes every range of NamedPipeline:
/// `pipelines(NamedPipeline{"rows", rows.report()}, NamedPipeline{"traces", traces.report()})`.
template <class Report, class... More>
[[nodiscard]] constexpr auto pipelines(NamedPipeline<Report> const& first, More const&... more) noexcept {
    return detail::NamedPipelines<Report, 1 + sizeof...(More)>{{first, more...}};
}

namespace detail {

/// A lastbyte::PipelineReport.
template <class Given>
concept PipelineCounts = requires(Given const& report) {
    report.offered + report.recovered;
    report.delivered + report.lost() + report.pending();
};

template <class Range>
concept PipelineRange = requires(Range const& range) {
    { range.begin()->report } -> PipelineCounts;
    range.begin() != range.end();
};

/// One line of a page for each pipeline; lines of one name follow each other, and the first of them has the help.
template <class Report>
struct PipelineMetric {
    std::uint64_t Report::*count;
    std::string_view name, type, help{}, label{}, value{};
    [[nodiscard]] constexpr bool begins_family() const noexcept { return !help.empty(); }
    [[nodiscard]] constexpr bool is_counter() const noexcept { return type == "counter"; }
};

template <class Report>
inline constexpr PipelineMetric<Report> pipeline_metrics[] = {
    {&Report::offered, "records_offered", "counter", "Records that were offered to the pipeline."},
    {&Report::recovered, "records_recovered", "counter", "Records that a process before this one left in the spool."},
    {&Report::delivered, "records_delivered", "counter", "Records that the transport took."},
    {&Report::full, "records_lost", "counter", "Records that were lost, by cause.", "cause", "full"},
    {&Report::evicted, "records_lost", "counter", {}, "cause", "evicted"},
    {&Report::too_large, "records_lost", "counter", {}, "cause", "too_large"},
    {&Report::no_memory, "records_lost", "counter", {}, "cause", "no_memory"},
    {&Report::refused, "records_lost", "counter", {}, "cause", "refused"},
    {&Report::spool_lost, "records_lost", "counter", {}, "cause", "spool_lost"},
    {&Report::in_memory, "records_pending", "gauge", "Records that wait, by place.", "place", "memory"},
    {&Report::in_spool, "records_pending", "gauge", {}, "place", "spool"},
    {&Report::failures, "attempts_failed", "counter", "Attempts that the transport answered by \"later\"."},
    {&Report::spool_failures, "spool_failures", "counter", "Times that the disk did not take a record."},
};

}  // namespace detail
}  // namespace lastbyte
