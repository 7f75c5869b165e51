// libcurl transfers made to order, one for each line of its input, and one line of output for each Reading.
//
//     ID down|up URL [KEY=VALUE ...]
//
// It prints `ID OUTCOME BYTES TIER`, and then `ID CODE`, with `threw` if an exception came out.
// `how` is what drives it and how it ends: easy, multi; remove, cleanup, reset in mid-transfer; drop before anything.
#include <lastbyte/adapt/curl.hpp>

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <cstdio>
#include <iostream>
#include <map>
#include <optional>
#include <sstream>
#include <stdexcept>
#include <string>
#include <string_view>
#include <sys/socket.h>
#include <utility>

#include "readings.hpp"

namespace {

constexpr std::size_t never = ~std::size_t{0};

/// One line of the input.
struct Order {
    explicit Order(std::string const& line) {
        std::istringstream words{line};
        words >> id >> kind >> url;
        for (std::string word; words >> word;) options[word.substr(0, word.find('='))] = word.substr(word.find('=') + 1);
    }
    [[nodiscard]] std::string text(char const* key, char const* otherwise = "") const {
        auto const found = options.find(key);
        return found == options.end() ? otherwise : found->second;
    }
    [[nodiscard]] std::size_t number(char const* key, std::size_t otherwise = never) const {
        auto const found = options.find(key);
        return found == options.end() ? otherwise : std::stoull(found->second);
    }

    std::string id, kind, url;
    std::map<std::string, std::string> options;
};

/// Records its last span when it is destroyed: a Reading that is made earlier has no tier.
template <class Policy>
class Ending {
public:
    Ending(Order const& order, lastbyte::Tracer<Policy> tracer) : order_(&order), tracer_(std::move(tracer)) {}
    Ending(Ending&& other) noexcept : order_(std::exchange(other.order_, nullptr)), tracer_(other.tracer_) {}
    ~Ending() {
        if (order_ != nullptr) tracer_.template span<"index">().source(Source::cache);
    }

protected:
    Order const* order_;
    lastbyte::Tracer<Policy> tracer_;
    std::size_t done_ = 0;
    bool paused_ = false;
};

template <class Policy>
struct Writer : Ending<Policy> {
    using Ending<Policy>::Ending;
    std::size_t operator()(std::string_view bytes) {
        auto const& order = *this->order_;
        if (this->done_ >= order.number("pause_at") && !std::exchange(this->paused_, true)) return CURL_WRITEFUNC_PAUSE;
        this->done_ += bytes.size();
        if (this->done_ > order.number("throw_at")) throw std::runtime_error("made to order");
        if (this->done_ > order.number("cancel_at")) this->tracer_.note_end(lastbyte::Outcome::cancelled);
        return this->done_ > std::min(order.number("refuse_at"), order.number("cancel_at")) ? 0 : bytes.size();
    }
};

template <class Policy>
struct Reader : Ending<Policy> {
    using Ending<Policy>::Ending;
    std::size_t operator()(char* buffer, std::size_t size) {
        auto const& order = *this->order_;
        if (this->done_ >= order.number("pause_at") && !std::exchange(this->paused_, true)) return CURL_READFUNC_PAUSE;
        if (this->done_ >= order.number("throw_at")) throw std::runtime_error("made to order");
        if (this->done_ >= order.number("abort_at")) return CURL_READFUNC_ABORT;
        if (this->done_ >= order.number("cancel_at"))
            return this->tracer_.note_end(lastbyte::Outcome::cancelled), CURL_READFUNC_ABORT;
        auto const count = std::min({order.number("size") - this->done_, order.number("chunk", 10000), size});
        std::fill_n(buffer, count, 'x');
        this->done_ += count;
        return count;
    }
};
template <class Policy>
struct SeekingReader : Reader<Policy> {
    using Reader<Policy>::Reader;
    bool seek(std::uint64_t offset) {
        if (this->order_->text("seek") == "refused") return false;
        if (this->order_->text("seek") == "thrown") throw std::runtime_error("made to order");
        this->done_ = static_cast<std::size_t>(offset);
        return true;
    }
};

/// The progress callback: goes on after a pause, and says no when it is ordered to.
struct Progress {
    CURL* easy;
    std::size_t stop_at;
    static int told(void* self, curl_off_t, curl_off_t down, curl_off_t, curl_off_t up) {
        auto const& progress = *static_cast<Progress*>(self);
        curl_easy_pause(progress.easy, CURLPAUSE_CONT);
        return static_cast<std::size_t>(std::max(down, up)) >= progress.stop_at ? 1 : 0;
    }
};

/// So that much of an upload stays in libcurl's own buffer.
int narrow(void*, curl_socket_t handle, curlsocktype) {
    int const bytes = 2048;
    setsockopt(handle, SOL_SOCKET, SO_SNDBUF, &bytes, sizeof bytes);
    return CURL_SOCKOPT_OK;
}
size_t swallow(char*, size_t unit, size_t count, void*) { return unit * count; }

/// A handle for one order. What the test itself sets goes before what the adapter does.
struct Easy {
    explicit Easy(Order const& order) : progress{handle, order.number("stop_at")} {
        curl_easy_setopt(handle, CURLOPT_URL, order.url.c_str());
        curl_easy_setopt(handle, CURLOPT_NOPROXY, "*");
        curl_easy_setopt(handle, CURLOPT_NOSIGNAL, 1L);
        curl_easy_setopt(handle, CURLOPT_FOLLOWLOCATION, 1L);
        curl_easy_setopt(handle, CURLOPT_WRITEFUNCTION, &swallow);
        curl_easy_setopt(handle, CURLOPT_TIMEOUT_MS, static_cast<long>(order.number("timeout_ms", 5000)));
        curl_easy_setopt(handle, CURLOPT_NOPROGRESS, 0L);
        curl_easy_setopt(handle, CURLOPT_XFERINFOFUNCTION, &Progress::told);
        curl_easy_setopt(handle, CURLOPT_XFERINFODATA, &progress);
        if (order.options.contains("narrow")) curl_easy_setopt(handle, CURLOPT_SOCKOPTFUNCTION, &narrow);
        if (order.options.contains("gzip")) curl_easy_setopt(handle, CURLOPT_ACCEPT_ENCODING, "");
        if (order.options.contains("head")) curl_easy_setopt(handle, CURLOPT_NOBODY, 1L);
        if (order.kind != "up") return;
        curl_easy_setopt(handle, CURLOPT_UPLOAD, 1L);
        curl_easy_setopt(handle, CURLOPT_READFUNCTION, nullptr);
        if (!order.options.contains("unsized"))
            curl_easy_setopt(handle, CURLOPT_INFILESIZE_LARGE, static_cast<curl_off_t>(length(order)));
        curl_easy_setopt(handle, CURLOPT_RESUME_FROM_LARGE, static_cast<curl_off_t>(order.number("resume", 0)));
        headers = curl_slist_append(headers, order.options.contains("expect") ? "Expect: 100-continue" : "Expect:");
        curl_easy_setopt(handle, CURLOPT_HTTPHEADER, headers);
    }
    Easy(Easy const&) = delete;
    Easy& operator=(Easy const&) = delete;
    ~Easy() {
        clean_up();
        curl_slist_free_all(headers);
    }
    void clean_up() { curl_easy_cleanup(std::exchange(handle, nullptr)); }

    static std::uint64_t length(Order const& order) {
        if (order.options.contains("unsized")) return lastbyte::adapt::curl_unsized;
        return order.number("announced", order.number("size"));
    }

    CURL* handle = curl_easy_init();
    Progress progress;
    curl_slist* headers = nullptr;
};

struct Multi {
    explicit Multi(Easy& given) : easy(given) { curl_multi_add_handle(handle, easy.handle); }
    Multi(Multi const&) = delete;
    Multi& operator=(Multi const&) = delete;
    ~Multi() {
        remove();
        curl_multi_cleanup(handle);
    }
    void remove() const {
        if (easy.handle != nullptr) curl_multi_remove_handle(handle, easy.handle);
    }

    CURLM* handle = curl_multi_init();
    Easy& easy;
};

/// Drives a transfer; its code, or nothing if it was given up in the middle.
template <class Transfer>
std::optional<CURLcode> drive(Order const& order, Easy& easy, Transfer& transfer, std::size_t const& moved) {
    auto const how = order.text("how", "easy");
    if (how == "drop") return std::nullopt;
    if (how == "easy") return transfer.perform();
    Multi const multi{easy};
    std::optional<CURLcode> code;
    for (int running = 1; running != 0 && (how == "multi" || moved < 100'000);) {
        curl_multi_perform(multi.handle, &running);
        for (int left = 0; CURLMsg const* message = curl_multi_info_read(multi.handle, &left);)
            if (message->msg == CURLMSG_DONE) code = message->data.result;
        curl_multi_poll(multi.handle, nullptr, 0, 20, nullptr);
    }
    if (code) transfer.finished(*code);
    multi.remove();
    if (how == "cleanup") easy.clean_up();
    if (how == "reset") {  // and used again, for another transfer
        curl_easy_reset(easy.handle);
        curl_easy_setopt(easy.handle, CURLOPT_URL, order.text("then").c_str());
        curl_easy_setopt(easy.handle, CURLOPT_WRITEFUNCTION, &swallow);
        std::printf("%s again %d\n", order.id.c_str(), curl_easy_perform(easy.handle));
    }
    return code;
}

template <class Policy>
void run(Order const& order) {
    Easy easy{order};
    lastbyte::Tracer<Policy> tracer;
    auto const print = [&order](lastbyte::Reading<Policy> const& done) {
        print_reading<Policy>(order.id, done);
    };
    std::optional<CURLcode> code;
    bool threw = false;
    auto const go = [&](auto transfer, std::size_t const& moved) {
        try {
            code = drive(order, easy, transfer, moved);
        } catch (std::runtime_error const&) {
            threw = true;
        }
    };
    std::size_t moved = 0;
    auto const counted = [&moved](auto inner) {
        return [inner = std::move(inner), &moved](auto... given) mutable {
            auto const count = inner(given...);
            if (count < CURL_READFUNC_ABORT) moved += count;
            return count;
        };
    };
    using namespace lastbyte::adapt;
    auto const length = Easy::length(order);
    if (order.kind == "down")
        go(curl_download(easy.handle, tracer, counted(Writer<Policy>{order, tracer}), print), moved);
    else if (order.options.contains("seek"))
        go(curl_upload(easy.handle, length, tracer, SeekingReader<Policy>{order, tracer}, print), moved);
    else
        go(curl_upload(easy.handle, length, tracer, counted(Reader<Policy>{order, tracer}), print), moved);
    std::printf("%s %s%s\n", order.id.c_str(), code ? std::to_string(*code).c_str() : "-", threw ? " threw" : "");
}

}  // namespace

int main() {
    curl_global_init(CURL_GLOBAL_ALL);
    for (std::string line; std::getline(std::cin, line);) {
        Order const order{line};
        order.options.contains("off") ? run<Off>(order) : run<Telemetry>(order);
        std::fflush(stdout);
    }
    curl_global_cleanup();
    return lastbyte::ledger<Telemetry>().callbacks_threw == 0 ? 0 : 1;
}
