// A libcurl client that says of each download and upload, after its last byte, how it ended and where it came from.
//
//     c++ -std=c++20 -Iinclude tests/examples/curl_client.cpp -o curl_client -lcurl
//     ./curl_client http://localhost:8080/search            downloads, and prints the body and a line about it
//     ./curl_client http://localhost:8080/file notes.txt    uploads
//
// It exits with libcurl's code.

#include <lastbyte/adapt/curl.hpp>

#include <cstdint>
#include <cstdio>
#include <fstream>
#include <iostream>
#include <string_view>
#include <utility>

enum class Source { memory, cache, origin };

struct Telemetry : lastbyte::DefaultPolicy {
    using Tiers = lastbyte::TierRules<Source, lastbyte::FirstWins<"served_from", lastbyte::On<"answer">>>;
};

void report(lastbyte::Reading<Telemetry> const& done) {
    std::cerr << done.tier<"served_from">() << ", " << done.bytes() << " bytes, " << done.outcome() << '\n';
}

/// What the answer's head says of its source is known when it has come, during the transfer.
std::size_t head_line(char* data, std::size_t unit, std::size_t count, void* tracer) {
    std::string_view const line{data, unit * count};
    if (line.starts_with("X-Cache: "))
        static_cast<lastbyte::Tracer<Telemetry>*>(tracer)->span<"answer">().source(
            line.starts_with("X-Cache: HIT") ? Source::cache : Source::origin);
    return line.size();
}

CURLcode download(CURL* easy) {
    lastbyte::Tracer<Telemetry> tracer;
    curl_easy_setopt(easy, CURLOPT_HEADERFUNCTION, &head_line);
    curl_easy_setopt(easy, CURLOPT_HEADERDATA, &tracer);
    auto transfer = lastbyte::adapt::curl_download(
        easy, tracer, [](std::string_view bytes) { return std::fwrite(bytes.data(), 1, bytes.size(), stdout); }, report);
    return transfer.perform();
}

/// A file that can be read again, when the server sends the client elsewhere.
struct File {
    std::ifstream stream;
    std::size_t operator()(char* buffer, std::size_t size) {
        stream.read(buffer, static_cast<std::streamsize>(size));
        return static_cast<std::size_t>(stream.gcount());
    }
    void seek(std::uint64_t offset) {
        stream.clear();
        stream.seekg(static_cast<std::streamoff>(offset));
    }
};

CURLcode upload(CURL* easy, char const* path) {
    std::ifstream stream(path, std::ios::binary | std::ios::ate);
    if (!stream) return CURLE_FILE_COULDNT_READ_FILE;
    auto const size = static_cast<std::uint64_t>(stream.tellg());
    stream.seekg(0);
    curl_easy_setopt(easy, CURLOPT_UPLOAD, 1L);
    curl_easy_setopt(easy, CURLOPT_INFILESIZE_LARGE, static_cast<curl_off_t>(size));
    lastbyte::Tracer<Telemetry> tracer;
    auto transfer = lastbyte::adapt::curl_upload(easy, size, tracer, File{std::move(stream)}, report);
    return transfer.perform();
}

int main(int count, char** arguments) {
    if (count < 2) {
        std::cerr << "usage: curl_client URL [FILE]\n";
        return 2;
    }
    curl_global_init(CURL_GLOBAL_ALL);
    CURL* const easy = curl_easy_init();
    curl_easy_setopt(easy, CURLOPT_URL, arguments[1]);
    curl_easy_setopt(easy, CURLOPT_FOLLOWLOCATION, 1L);
    curl_easy_setopt(easy, CURLOPT_TIMEOUT, 30L);
    CURLcode const code = count > 2 ? upload(easy, arguments[2]) : download(easy);
    if (code != CURLE_OK) std::cerr << "curl_client: " << arguments[1] << ": " << curl_easy_strerror(code) << '\n';
    curl_easy_cleanup(easy);
    curl_global_cleanup();
    return static_cast<int>(code);
}
