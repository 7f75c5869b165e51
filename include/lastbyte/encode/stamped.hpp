// Stamped: a transport of NDJSON rows that gives each row the time at which it was written, and an identity.
//
// A store that adds its own time files an hour's outage under the minute of the recovery, and can't tell a row that was
// sent twice from two equal calls. Here both are in the row before it meets a queue, a spool or a network. About 40 ns
// and one more copy of the row; no allocation up to 4 KB.
#pragma once

#include <cstddef>
#include <cstdint>
#include <cstring>
#include <new>
#include <string_view>

#include <lastbyte/core/ids.hpp>
#include <lastbyte/core/text.hpp>
#include <lastbyte/encode/json.hpp>
#include <lastbyte/encode/parts/semantics.hpp>
#include <lastbyte/encode/parts/stamp.hpp>

namespace lastbyte {

/// `NdjsonSink<ToolCall, Stamped<Pipeline<>>> points;`: the pipeline's rows begin with
/// `{"written_at_ns":1795000000123456789,"row_id":7245901234567890123,`.
///
/// `written_at_ns` counts from 1970. `row_id` has 64 random bits and differs between threads, processes and forked
/// children; the two together name a row. Everything else is the transport's own: it is one, and its write() is what
/// the stamped row goes to. By as many threads at once as the transport's may.
template <class Transport, class WallClock = SystemWallClock, class Ids = RandomIds>
class Stamped : public Transport {
public:
    using Transport::Transport;

    /// Takes a line that is one JSON object. False when the transport refused it, when it is no object, or when there
    /// was no memory for a line over 4 KB.
    bool write(std::string_view line) noexcept {
        if (line.size() < 2 || line[0] != '{') return false;
        char on_the_stack[4096];
        std::size_t const most = line.size() + longest_stamp;
        char* const memory = most <= sizeof on_the_stack ? on_the_stack : new (std::nothrow) char[most];
        if (memory == nullptr) return false;
        std::uint64_t const now = WallClock::unix_ns();
        detail::BoundedText out{memory, most};
        detail::append(out, detail::stamp_begin);
        detail::append_unsigned(out, now);
        detail::append(out, ",\"");
        detail::append(out, detail::stamp_id);
        detail::append(out, "\":");
        detail::append_unsigned(out, Ids::next_trace(now).low);
        if (line[1] != '}') detail::append(out, ",");
        detail::append(out, line.substr(1));
        bool const written = static_cast<bool>(Transport::write(out.view()));
        if (memory != on_the_stack) delete[] memory;
        return written;
    }

private:
    static constexpr std::size_t longest_stamp = detail::stamp_begin.size() + detail::stamp_id.size() + 2 * 20 + 8;
};

}  // namespace lastbyte
