// The command line of the tool server: what can be asked of it, a clear word for what can't, and lines to try.
#pragma once

#include <charconv>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <map>
#include <optional>
#include <string>
#include <vector>

struct Options {
    std::filesystem::path documents = ".";
    std::filesystem::path out = "lastbyte-out";
    std::size_t requests = 400;
    std::optional<std::uint16_t> listen;
    std::string chrome;      // a file; empty: none
    std::string otlp;        // URLs; empty: none
    std::string clickhouse;
};

inline constexpr char const* usage = R"(usage: tool_server [--requests N] [--docs DIR] [--out DIR] [backends]
       tool_server --listen PORT [--docs DIR] [--out DIR] [backends]

A documentation server on 127.0.0.1 that writes one data point a request, after the last byte of its response.
Without --listen it drives itself through a real socket, prints what was served from which tier, and checks its books.

  --docs DIR     the documents to serve (the current directory)
  --out DIR      where the index, points.ndjson, traces.ndjson and report.html go (lastbyte-out); a drive writes new
                 files, --listen appends
  --requests N   how many requests the drive makes (400)
  --listen PORT  serve until interrupted; 0 picks a free port
  --help         this text

Backends that the telemetry goes to as well. No request waits for it. What a backend doesn't take waits in a spool under
--out, and goes out first in the next run; what was delivered and what was lost is told at the end.

  --chrome FILE      traces for ui.perfetto.dev; a file that is there is replaced
  --otlp URL         traces to an OpenTelemetry collector: http://127.0.0.1:4318/v1/traces
  --clickhouse URL   a row a request to the table tool_calls, which is created: http://127.0.0.1:8123/

Exit status: 0, 1 when the books don't balance or the report can't be written, 2 for a bad option or URL or a directory
that can't be used, 130 for a drive that was interrupted. A backend that is away doesn't change it.
)";

/// The options; exits on --help and on a bad one.
inline Options read_options(int argc, char** argv) {
    Options options;
    auto const refuse = [](std::string const& why) {
        std::fprintf(stderr, "tool_server: %s (--help lists the options)\n", why.c_str());
        std::exit(2);
    };
    std::vector<std::string> const words(argv + 1, argv + argc);
    bool counted = false;
    for (std::size_t i = 0; i < words.size(); ++i) {
        std::string option = words[i];
        std::optional<std::string> value;
        if (auto const equals = option.find('='); option.starts_with("--") && equals != std::string::npos) {
            value = option.substr(equals + 1);
            option.resize(equals);
        }
        if (option == "--help" || option == "-h") {
            std::fputs(usage, stdout);
            std::exit(0);
        }
        std::map<std::string, std::string*> const texts{
            {"--chrome", &options.chrome}, {"--otlp", &options.otlp}, {"--clickhouse", &options.clickhouse}};
        auto const text = texts.find(option);
        if (text == texts.end() && option != "--docs" && option != "--out" && option != "--requests" &&
            option != "--listen") {
            refuse("unknown option " + words[i]);
        }
        if (!value && i + 1 < words.size()) {
            value = words[++i];
        }
        if (!value || value->empty()) {
            refuse(option + " needs a value");
        }
        auto const number = [&](std::uint32_t least, std::uint32_t most) {
            std::uint32_t n = 0;
            auto const [end, error] = std::from_chars(value->data(), value->data() + value->size(), n);
            if (error != std::errc{} || end != value->data() + value->size() || n < least || n > most) {
                refuse(option + " takes a number from " + std::to_string(least) + " to " + std::to_string(most) +
                       ", not " + *value);
            }
            return n;
        };
        if (text != texts.end()) {
            *text->second = *value;
        } else if (option == "--docs") {
            options.documents = *value;
        } else if (option == "--out") {
            options.out = *value;
        } else if (option == "--requests") {
            options.requests = number(1, 1'000'000);
            counted = true;
        } else {
            options.listen = static_cast<std::uint16_t>(number(0, 65535));
        }
    }
    if (counted && options.listen) {
        refuse("--requests is for a drive; with --listen others send them");
    }
    return options;
}

/// What to paste into another terminal while it listens.
inline void print_curl_lines(std::uint16_t port) {
    std::string text = R"(listening on http://127.0.0.1:PORT
  open http://127.0.0.1:PORT/report in a browser to see what was served from where
  curl http://127.0.0.1:PORT/metrics
  curl 'http://127.0.0.1:PORT/tools/search?q=telemetry'
  curl 'http://127.0.0.1:PORT/tools/get?uri=file:README.md&trace=1'
  curl -N 'http://127.0.0.1:PORT/tools/time?ticks=5&every_ms=500'
  curl -H 'Content-Type: application/json' http://127.0.0.1:PORT/mcp \
       -d '{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{"name":"orient"}}'
Ctrl-C stops it; a second one doesn't wait for running responses.
)";
    for (std::size_t at; (at = text.find("PORT")) != std::string::npos;) {
        text.replace(at, 4, std::to_string(port));
    }
    std::fputs(text.c_str(), stdout);
    std::fflush(stdout);
}
