// node mcp.mjs SDK PORT: the official MCP client talks to tool_server, and prints what it got as one JSON object.
//
// SDK is the folder of @modelcontextprotocol/sdk. What is on the wire is the SDK's own choice: this says only what is called.
import path from "node:path";
import { pathToFileURL } from "node:url";

const [sdk, port] = process.argv.slice(2);
const from = (file) => import(pathToFileURL(path.join(sdk, "dist/esm", file)).href);
const { Client } = await from("client/index.js");
const { StreamableHTTPClientTransport } = await from("client/streamableHttp.js");

const transport = new StreamableHTTPClientTransport(new URL(`http://127.0.0.1:${port}/mcp`));
const client = new Client({ name: "sdk-client", version: "1.0.0" });
await client.connect(transport);

const said = {};
said.server = client.getServerVersion();
said.capabilities = Object.keys(client.getServerCapabilities());
said.tools = (await client.listTools()).tools;
await client.ping();

const text = (result) => result.content.map((part) => part.text).join("");
const call = async (name, args, options) => client.callTool({ name, arguments: args }, undefined, options);

said.called = [];
for (const [name, args] of [
  ["search", { q: "telemetry" }], ["search", { q: "telemetry" }], ["orient", {}], ["catalog", {}],
  ["get", { uri: "file:alpha.md" }], ["get", { uri: "file:alpha.md" }], ["get", { uri: "file:nowhere.md" }], ["version", {}], ["time", {}],
]) {
  const result = await call(name, args);
  said.called.push({ name, error: result.isError, text: text(result), provisional: result._meta?.trace?.provisional });
}

said.large = text(await call("get", { uri: "file:large.txt" })).length;
said.together = (await Promise.all(Array.from({ length: 20 }, () => call("get", { uri: "file:alpha.md" })))).map(text);

// The time tool ticks: each tick is a piece, so each is told while the next is still to come.
const progress = [];
const started = Date.now();
const ticking = await call("time", { ticks: 4, every_ms: 60 },
  { onprogress: (p) => progress.push({ progress: p.progress, at: Date.now() - started }) });
said.progress = { progress, took: Date.now() - started, text: text(ticking) };

const taken_back = new AbortController();
const ticks = [];
const running = call("time", { ticks: 1000, every_ms: 20 }, {
  signal: taken_back.signal,
  onprogress: (p) => { ticks.push(p.progress); if (p.progress === 3) taken_back.abort("enough"); },
});
said.cancelled = await running.then(() => "it came to its end", (error) => String(error));
said.ticks = ticks.length;

said.refused = await call("nonsense", {}).then(() => "it was called", (error) => ({ code: error.code, message: error.message }));
said.missing = await call("search", {}).then(() => "it was called", (error) => ({ code: error.code, message: error.message }));

await transport.terminateSession();
await client.close();
console.log(JSON.stringify(said));
