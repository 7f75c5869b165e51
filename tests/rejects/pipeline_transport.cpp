// A pipeline delivers to what can take a text: the sentence names what is missing, and not the library's insides.
// expect: lastbyte: records can't be delivered to this type.*a member write\(std::string_view\)
// expect-2: lastbyte: records can't be delivered to this type.*a member write\(std::string_view\)
// expect-3: lastbyte: records can't be delivered to this type.*a member write\(std::string_view\)
// expect-4: lastbyte: records can't be delivered to this type.*a member write\(std::string_view\)
#include <string_view>
#include <vector>

#include <lastbyte/pipeline/worker.hpp>

struct Connection {
    bool send(std::string_view) { return true; }
    bool write(std::vector<char> const&) { return true; }
};
struct Backend {
    bool write(std::string_view) { return true; }
};

void deliver(lastbyte::Pipeline<>& pipeline) {
    [[maybe_unused]] auto const post = [](int) { return true; };
#if LASTBYTE_REJECT == 1
    lastbyte::Worker<Connection> const worker{pipeline, {}};
#elif LASTBYTE_REJECT == 2
    lastbyte::Worker const worker{pipeline, {}, post};
#elif LASTBYTE_REJECT == 3
    pipeline.drain(Connection{});
#elif LASTBYTE_REJECT == 4
    pipeline.drain(post);
#else
    pipeline.drain([](std::string_view record) { return !record.empty(); });
    pipeline.drain(Backend{});
    lastbyte::Worker<Backend> const worker{pipeline, {}};
#endif
}
