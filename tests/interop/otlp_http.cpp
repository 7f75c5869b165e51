// Sends traces to the server that otlp_http.py has, and says on standard output what became of them.
//
//     otlp_http worker URL N       N requests of one trace each, through a pipeline and its worker
//     otlp_http retry URL MS       one request, again and again for so long
//     otlp_http idle URL N MS      N requests over one connection, with a pause of MS between them
#include <cstdint>
#include <cstdlib>
#include <iostream>
#include <optional>
#include <string>
#include <string_view>

#include <lastbyte/encode/otlp.hpp>
#include <lastbyte/lastbyte.hpp>
#include <lastbyte/pipeline/worker.hpp>
#include <lastbyte/transport/http_retry.hpp>
#include <lastbyte/transport/otlp_http.hpp>

namespace {

struct Telemetry : lastbyte::DefaultPolicy {};

/// A request of one trace with this name.
std::string request(std::string const& name) {
    std::string out;
    lastbyte::Tracer<Telemetry> tracer;
    auto body = lastbyte::defer_until_consumed(
        tracer.body([]() -> std::optional<std::string> { return std::nullopt; }),
        [&](lastbyte::Reading<Telemetry> const& done) { lastbyte::write_otlp(out, done, lastbyte::Resource{"oddkit"}, name); });
    (void)body();
    return out;
}

void print(lastbyte::OtlpReport const& is) {
    std::cout << "accepted " << is.http.accepted << "\nbusy " << is.http.busy << "\nrefused " << is.http.refused
              << "\nclosed " << is.http.closed << "\nanswer_timed_out " << is.http.answer_timed_out << "\nbad_answer "
              << is.http.bad_answer << "\nfailed " << is.http.failed() << "\nconnections " << is.http.connections
              << "\nresent " << is.http.resent << "\npartial " << is.partial << "\nrejected " << is.rejected << "\nwarnings "
              << is.warnings << "\nnot_understood " << is.not_understood << '\n';
}

int through_a_worker(std::string_view url, int count) {
    lastbyte::Pipeline<> pipeline;
    lastbyte::Worker<lastbyte::OtlpTransport> worker{
        pipeline,
        {.first_pause = lastbyte::milliseconds(20), .longest_pause = lastbyte::milliseconds(3'000)},
        lastbyte::OtlpSignal::traces,
        url,
        lastbyte::OtlpOptions{.http = {.headers = "X-Tenant: tests\r\n", .within_ms = 300}}};
    for (int i = 0; i < count; ++i)
        if (!pipeline.write(request("record " + std::to_string(i) + ";"))) return 1;
    // A flush would end the pauses that servers ask for; what waits is looked at until nothing does.
    for (int i = 0; i < 900 && pipeline.report().pending() != 0; ++i) {
        timespec const pause{0, 10'000'000};
        ::nanosleep(&pause, nullptr);
    }
    auto const is = pipeline.report();
    print(worker.transport()->report());
    std::cout << "delivered " << is.delivered << "\nlost " << is.lost() << "\npending " << is.pending() << "\nfailures "
              << is.failures << '\n';
    return 0;
}

int with_retry(std::string_view url, unsigned within_ms) {
    lastbyte::OtlpTransport collector{lastbyte::OtlpSignal::logs, url, {.whole_url = true}};
    auto const sent =
        lastbyte::retry(collector, request("record 0;"), {.within_ms = within_ms, .first_pause_ms = 20, .longest_pause_ms = 50});
    std::cout << "sent " << static_cast<bool>(sent) << "\nattempts " << sent.attempts << "\ngave_up " << sent.gave_up
              << "\nstatus " << sent.last.status() << "\nmessage " << sent.last.message() << '\n';
    return 0;
}

int with_pauses(std::string_view url, int count, long pause_ms) {
    lastbyte::OtlpTransport collector{lastbyte::OtlpSignal::traces, url};
    for (int i = 0; i < count; ++i) {
        if (!collector.write(request("record " + std::to_string(i) + ";"))) std::cout << "error " << collector.error().text << '\n';
        timespec const pause{0, pause_ms * 1'000'000};
        ::nanosleep(&pause, nullptr);
    }
    print(collector.report());
    return 0;
}

}  // namespace

int main(int count, char** words) {
    std::string_view const what = count < 4 ? "" : words[1];
    if (what == "worker") return through_a_worker(words[2], std::atoi(words[3]));
    if (what == "retry") return with_retry(words[2], static_cast<unsigned>(std::atoi(words[3])));
    if (what == "idle" && count == 5) return with_pauses(words[2], std::atoi(words[3]), std::atol(words[4]));
    return 2;
}
