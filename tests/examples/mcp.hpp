// The Model Context Protocol's envelope: JSON-RPC messages in, answers out, sessions, and a tool's arguments.
//
// MCP 2025-06-18, "Streamable HTTP", which has no batches. A request is answered by one server-sent event, a
// notification by 202 and nothing. What is said wrongly gets a JSON-RPC error with the id it came with, if it had one.
#pragma once

#include "http_request.hpp"
#include "json.hpp"

#include <array>
#include <charconv>
#include <cstdio>
#include <deque>
#include <memory>
#include <mutex>
#include <random>
#include <stop_token>
#include <unordered_map>
#include <variant>

namespace mcp {

/// The one version that is spoken here. A client that asks for another is told so, and decides what to make of it.
inline constexpr std::string_view protocol_version = "2025-06-18";

/// A JSON-RPC error (its codes: jsonrpc.org, 5.1).
struct Problem {
    static constexpr int not_json = -32700, not_a_request = -32600, no_method = -32601, bad_params = -32602;
    int code;
    std::string message;
    std::string id = "null";
};

struct Message {
    enum class Kind { request, notification, response };
    Kind kind = Kind::request;
    std::string id{};  ///< as JSON text, to be given back as it came
    std::string method{};
    json::Value params{};
};

/// An id as JSON text, the way it came; empty for what can't be one.
inline std::string id_text(json::Value const* id) {
    if (id != nullptr && id->kind == json::Kind::string) {
        return json::quoted(id->text);
    }
    return id != nullptr && id->kind == json::Kind::number ? id->text : "";
}

inline std::variant<Message, Problem> read(std::string_view body) {
    auto parsed = json::parse(body);
    if (!parsed.value) {
        return Problem{Problem::not_json, "byte " + std::to_string(parsed.byte) + ": " + parsed.problem};
    }
    json::Value const& value = *parsed.value;
    if (value.kind == json::Kind::array) {
        return Problem{Problem::not_a_request, "this protocol version has no batches: send one message a request"};
    }
    json::Value const* const id = value.find("id");
    Message message{.id = id_text(id)};
    if (id != nullptr && message.id.empty()) {
        return Problem{Problem::not_a_request, "an id is a number or a string"};
    }
    std::string const id_or_null = id == nullptr ? "null" : message.id;
    if (value.string_at("jsonrpc") != "2.0") {
        return Problem{Problem::not_a_request, "this is no JSON-RPC 2.0 message", id_or_null};
    }
    if (auto const method = value.string_at("method")) {
        message.kind = id == nullptr ? Message::Kind::notification : Message::Kind::request;
        message.method = *method;
    } else if (id != nullptr && (value.find("result") != nullptr || value.find("error") != nullptr)) {
        message.kind = Message::Kind::response;
    } else {
        return Problem{Problem::not_a_request, "a request names its method", id_or_null};
    }
    if (json::Value const* const params = value.find("params")) {
        if (params->kind != json::Kind::object) {
            return Problem{Problem::bad_params, "params are an object", id_or_null};
        }
        message.params = *params;
    }
    return message;
}

inline std::string result(std::string_view id, std::string_view json_value) {
    return R"({"jsonrpc":"2.0","id":)" + std::string{id} + R"(,"result":)" + std::string{json_value} + '}';
}

inline std::string error(Problem const& problem) {
    return R"({"jsonrpc":"2.0","id":)" + problem.id + R"(,"error":{"code":)" + std::to_string(problem.code) +
           R"(,"message":)" + json::quoted(problem.message) + "}}";
}

/// What a request wants its progress notifications to be marked with, as JSON text; empty: it wants none.
inline std::string progress_token_of(Message const& request) {
    json::Value const* const meta = request.params.find("_meta");
    return meta == nullptr ? "" : id_text(meta->find("progressToken"));
}

/// A server-sent event that says how many pieces of the answer are made.
inline std::string progress(std::string_view token, std::size_t pieces) {
    return "event: message\ndata: " R"({"jsonrpc":"2.0","method":"notifications/progress","params":{"progressToken":)" +
           std::string{token} + R"(,"progress":)" + std::to_string(pieces) + "}}\n\n";
}

/// What `initialize` is answered with.
inline std::string welcome(std::string_view name, std::string_view version) {
    return R"({"protocolVersion":)" + json::quoted(protocol_version) +
           R"(,"capabilities":{"tools":{}},"serverInfo":{"name":)" + json::quoted(name) + R"(,"version":)" +
           json::quoted(version) + "}}";
}

/// Who is on the other side of a session id. Bounded: the oldest session is forgotten. Thread-safe.
class Sessions {
public:
    static constexpr std::size_t most = 1024;

    std::string begin(std::string client) {
        std::string id;
        std::lock_guard const lock{mutex_};
        for (int i = 0; i < 4; ++i) {
            std::array<char, 9> word{};
            std::snprintf(word.data(), word.size(), "%08x", static_cast<unsigned>(random_()));
            id += word.data();
        }
        if (clients_.size() == most) {
            clients_.erase(oldest_first_.front());
            oldest_first_.pop_front();
        }
        clients_.emplace(id, std::move(client));
        oldest_first_.push_back(id);
        return id;
    }

    std::optional<std::string> client_of(std::string_view id) const {
        std::lock_guard const lock{mutex_};
        auto const found = clients_.find(std::string{id});
        return found == clients_.end() ? std::nullopt : std::optional{found->second};
    }

    void end(std::string_view id) {
        std::lock_guard const lock{mutex_};
        if (clients_.erase(std::string{id}) > 0) {
            oldest_first_.erase(std::find(oldest_first_.begin(), oldest_first_.end(), id));
        }
    }

private:
    mutable std::mutex mutex_;
    std::random_device random_;
    std::unordered_map<std::string, std::string> clients_;
    std::deque<std::string> oldest_first_;
};

/// The calls that run, so that a later message of the same session can take one back. Thread-safe.
class Calls {
public:
    /// Notes a call for as long as the result lives. Nothing for a call that can't be taken back: it has no session, or
    /// one with its id runs already.
    std::shared_ptr<std::stop_source> begin(std::string_view session, std::string_view id) {
        std::string const key = key_of(session, id);
        std::stop_source* noted = nullptr;
        if (!session.empty()) {
            std::lock_guard const lock{mutex_};
            auto const [place, added] = running_.try_emplace(key);
            noted = added ? &place->second : nullptr;
        }
        if (noted == nullptr) {
            return nullptr;
        }
        return {noted, [this, key](std::stop_source*) {
                    std::lock_guard const lock{mutex_};
                    running_.erase(key);
                }};
    }

    void cancel(std::string_view session, std::string_view id) {
        std::lock_guard const lock{mutex_};
        if (auto const found = running_.find(key_of(session, id)); found != running_.end()) {
            found->second.request_stop();
        }
    }

private:
    static std::string key_of(std::string_view session, std::string_view id) {
        return std::string{session} + ' ' + std::string{id};
    }

    std::mutex mutex_;
    std::unordered_map<std::string, std::stop_source> running_;
};

/// A POST that could be read.
struct Received {
    Message message;
    std::string session;  ///< empty: none
    bool event_stream;    ///< the form of the answer that the client takes; else plain JSON
};

/// A POST that could not, and the HTTP status that says so.
struct Refusal {
    int status;
    Problem problem;
};

inline std::variant<Received, Refusal> receive(http::Request const& request, Sessions const& sessions) {
    auto const refuse = [](int status, char const* why) { return Refusal{status, {Problem::not_a_request, why}}; };
    if (!http::lists(request.header("Content-Type"), "application/json")) {
        return refuse(415, "Content-Type must be application/json");
    }
    auto const accept = request.header("Accept");
    bool const event_stream = accept.empty() || http::lists(accept, "*/*") || http::lists(accept, "text/*") ||
                              http::lists(accept, "text/event-stream");
    if (!event_stream && !http::lists(accept, "application/json") && !http::lists(accept, "application/*")) {
        return refuse(406, "answers are text/event-stream or application/json");
    }
    if (auto const version = request.header("MCP-Protocol-Version"); !version.empty() && version != protocol_version) {
        return refuse(400, "this protocol version is not spoken here; 2025-06-18 is");
    }
    auto const session = request.header("Mcp-Session-Id");
    if (!session.empty() && !sessions.client_of(session)) {
        return refuse(404, "no such session; initialize a new one");
    }
    auto read_body = read(request.body);
    if (auto* const problem = std::get_if<Problem>(&read_body)) {
        return Refusal{400, std::move(*problem)};
    }
    return Received{std::get<Message>(std::move(read_body)), std::string{session}, event_stream};
}

/// A tool's arguments, from a query or from JSON: names and texts.
class Arguments {
public:
    explicit Arguments(http::Fields fields = {}) : fields_{std::move(fields)} {}
    explicit Arguments(json::Value const& object) {
        for (auto const& [name, value] : object.members) {
            bool const is_boolean = value.kind == json::Kind::boolean;
            fields_.emplace_back(name, is_boolean ? (value.truth ? "true" : "false") : value.text);
        }
    }

    std::string text(std::string_view name) const {
        for (auto const& [field, value] : fields_) {
            if (field == name) {
                return value;
            }
        }
        return {};
    }

    std::optional<long> number(std::string_view name) const {
        auto const digits = text(name);
        long n = 0;
        auto const [end, error] = std::from_chars(digits.data(), digits.data() + digits.size(), n);
        return error == std::errc{} && end == digits.data() + digits.size() ? std::optional{n} : std::nullopt;
    }

    /// The number, when it was given and lies in the range; else the nearest that does, or `otherwise`.
    long number(std::string_view name, long least, long most, long otherwise) const {
        return std::clamp(number(name).value_or(otherwise), least, most);
    }

private:
    http::Fields fields_;
};

struct Parameter {
    std::string_view name;
    std::string_view type;  ///< of JSON schema: "string" or "integer"
    bool required;
    std::string_view description;
};

/// What is wrong with the arguments, or nothing.
inline std::string problem_with(Arguments const& arguments, std::vector<Parameter> const& parameters) {
    for (Parameter const& parameter : parameters) {
        auto const text = arguments.text(parameter.name);
        if (parameter.required && text.empty()) {
            return "`" + std::string{parameter.name} + "` is missing: " + std::string{parameter.description};
        }
        if (parameter.type == "integer" && !text.empty() && !arguments.number(parameter.name)) {
            return "`" + std::string{parameter.name} + "` isn't an integer: " + text;
        }
    }
    return {};
}

/// A tool as tools/list shows it.
inline std::string describe(std::string_view name, std::string_view description,
                            std::vector<Parameter> const& parameters) {
    std::string properties;
    std::string required;
    for (Parameter const& parameter : parameters) {
        properties += (properties.empty() ? "" : ",") + json::quoted(parameter.name) + R"(:{"type":)" +
                      json::quoted(parameter.type) + R"(,"description":)" + json::quoted(parameter.description) + '}';
        if (parameter.required) {
            required += (required.empty() ? "" : ",") + json::quoted(parameter.name);
        }
    }
    return R"({"name":)" + json::quoted(name) + R"(,"description":)" + json::quoted(description) +
           R"(,"inputSchema":{"type":"object","properties":{)" + properties + R"(},"required":[)" + required + "]}}";
}

}  // namespace mcp
