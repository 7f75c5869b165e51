// An OpenTelemetry collector to send to: OTLP over HTTP, with the answer read to its end.
//
// A collector that rejects a part of what it accepts says so in the body of its 200, and one that gets the right bytes at
// the wrong path answers 404 for ever. Here the path is made as OpenTelemetry's own exporters make it, what was rejected is
// counted and never sent again, and the collector's words are kept for a person. Costs what HttpTransport costs.
#pragma once

#include <cstddef>
#include <cstdint>
#include <cstdio>
#include <cstring>
#include <string_view>

#include <lastbyte/transport/http.hpp>
#include <lastbyte/transport/otlp_answer.hpp>

namespace lastbyte {

enum class OtlpSignal : std::uint8_t { traces, metrics, logs };

struct OtlpOptions {
    bool json = false;       ///< the requests are JSON, which a Worker must not join: leave its batch_bytes at 0
    bool whole_url = false;  ///< the URL is complete: nothing is put behind it
    HttpOptions http = {};   ///< its content_type is not used
};

/// Of one request. Accepted is accepted: what was rejected of it must not be sent again (OTLP specification, "Partial
/// Success").
class OtlpResult : public HttpResult {
public:
    OtlpResult(HttpResult const& result, std::uint64_t rejected, std::string_view message) noexcept
        : HttpResult(result), rejected_(rejected), message_(message) {}

    /// Spans, data points or log records of an accepted request that the collector did not take.
    [[nodiscard]] std::uint64_t rejected() const noexcept { return rejected_; }
    /// Why; of a refused request: what the answer said; with nothing rejected, a warning. Often empty. Valid until the
    /// next request.
    [[nodiscard]] std::string_view message() const noexcept { return message_; }

private:
    std::uint64_t rejected_;
    std::string_view message_;
};

struct OtlpReport {
    HttpReport http;                 ///< requests, each once
    std::uint64_t partial = 0;       ///< accepted requests of which something was rejected
    std::uint64_t rejected = 0;      ///< spans, data points or log records: lost
    std::uint64_t warnings = 0;      ///< accepted requests, nothing rejected, but with words in the answer
    std::uint64_t not_understood = 0;  ///< accepted requests whose answer's body isn't OTLP, or is too long to be read
};

/// `OtlpTransport collector{OtlpSignal::traces, "http://127.0.0.1:4318"};`, then `collector.write(batch.request())`; or a
/// Worker's transport.
///
/// A URL that ends with the signal's path (`/v1/traces`, `/v1/metrics`, `/v1/logs`) is taken as it stands, and any other is
/// a base to which that path is added, as OTEL_EXPORTER_OTLP_ENDPOINT is. One thread's at a time; error() and report() are
/// any thread's.
class OtlpTransport {
public:
    explicit OtlpTransport(OtlpSignal signal, std::string_view url, OtlpOptions options = {}) noexcept
        : OtlpTransport(Url{signal, url, options.whole_url}, options) {}

    /// One attempt. An empty request isn't sent, and counts as nothing: receivers want no empty envelopes.
    OtlpResult write(std::string_view request, std::uint64_t within_ns = ~std::uint64_t{0}) noexcept;

    [[nodiscard]] explicit operator bool() const noexcept { return problem_ == nullptr && static_cast<bool>(http_); }
    [[nodiscard]] std::string_view url() const noexcept { return http_.url(); }
    /// The last answer's body and headers, as HttpTransport has them.
    [[nodiscard]] HttpTransport const& http() const noexcept { return http_; }
    [[nodiscard]] HttpError error() const noexcept;
    [[nodiscard]] OtlpReport report() const noexcept {
        HttpReport http = http_.report();
        http.invalid += invalid_.read();
        return {http, partial_.read(), rejected_.read(), warnings_.read(), not_understood_.read()};
    }

private:
    /// A URL for one signal.
    struct Url {
        Url(OtlpSignal signal, std::string_view given, bool whole) noexcept;
        char text[1024];
        std::size_t size = 0;
        char const* problem = nullptr;
    };
    OtlpTransport(Url const& url, OtlpOptions options) noexcept
        : problem_(url.problem), json_(options.json), http_({url.text, url.size}, with_type(options)) {}
    static HttpOptions with_type(OtlpOptions options) noexcept {
        options.http.content_type = options.json ? "application/json" : "application/x-protobuf";
        return options.http;
    }

    void read_success() noexcept;

    char const* problem_;
    bool json_;
    HttpTransport http_;
    detail::OtlpAnswer answer_;
    detail::posix::Count partial_, rejected_, warnings_, not_understood_, invalid_;
};

inline OtlpTransport::Url::Url(OtlpSignal signal, std::string_view given, bool whole) noexcept {
    constexpr std::string_view paths[] = {"/v1/traces", "/v1/metrics", "/v1/logs"};
    std::string_view path = paths[static_cast<std::size_t>(signal)];
    for (auto const other : paths)
        if (!whole && other != path && given.ends_with(other))
            problem = "the path of another signal: give the base URL, without /v1/..., and each signal finds its own";
    if (!whole && given.find('?') != std::string_view::npos)
        problem = "a base URL has no query: give the whole URL, and the option whole_url";
    if (whole || problem != nullptr || given.ends_with(path)) path = {};
    while (!path.empty() && given.ends_with('/')) given.remove_suffix(1);
    if (given.size() + path.size() > sizeof text) {
        problem = "a URL of more than 1000 characters";
        given = given.substr(0, 64);
        path = {};
    }
    size = given.copy(text, sizeof text);
    size += path.copy(text + size, path.size());
}

inline OtlpResult OtlpTransport::write(std::string_view request, std::uint64_t within_ns) noexcept {
    answer_.clear();
    if (request.empty()) return {{HttpFailure::none, 0}, 0, {}};
    if (problem_ != nullptr) {
        invalid_.add(1);
        return {{HttpFailure::invalid, 0}, 0, problem_};
    }
    auto const result = http_.write(request, within_ns);
    if (result)
        read_success();
    else
        answer_.read_failure(http_.response(), http_.header("Content-Type"));
    return {result, answer_.rejected(), answer_.message()};
}

inline void OtlpTransport::read_success() noexcept {
    constexpr std::string_view json = "application/json", protobuf = "application/x-protobuf";
    auto const type = http_.header("Content-Type");
    auto const is = [&](std::string_view wanted) { return detail::same_word(type.substr(0, wanted.size()), wanted); };
    bool const typed = http_.response().empty() || type.empty() || is(json) || is(protobuf);
    // Half a message says nothing, and a page of HTML even less.
    bool const readable = typed && !http_.response_is_cut();
    if (readable) answer_.read_success(http_.response(), type.empty() ? json_ : is(json));
    if (!readable || !answer_.understood()) not_understood_.add(1);
    if (answer_.rejected() != 0) partial_.add(1);
    if (answer_.rejected() == 0 && !answer_.message().empty()) warnings_.add(1);
    rejected_.add(answer_.rejected());
}

inline HttpError OtlpTransport::error() const noexcept {
    HttpError error = http_.error();
    if (problem_ == nullptr) return error;
    error.failure = HttpFailure::invalid;
    std::snprintf(error.text, sizeof error.text, "%.*s: %s", static_cast<int>(url().size()), url().data(), problem_);
    return error;
}

}  // namespace lastbyte
