// Opens a trace in Perfetto's trace processor and prints the rows of a query, as JSON.
//
//     node chrome_sql.mjs ENGINE_FOLDER TRACE_FILE QUERY COLUMN:num COLUMN:long COLUMN:str …
//
// The folder holds trace_processor.wasm, the emscripten glue engine_bundle.node.js and the client engine.mjs. The glue is
// written for a browser's worker, so it gets the globals and the bytes that it would fetch there. A long comes as text.
import {readFileSync} from 'node:fs';
import {join} from 'node:path';
import {pathToFileURL} from 'node:url';
import vm from 'node:vm';

const [folder, traceFile, query, ...columns] = process.argv.slice(2);
const {EngineBase} = await import(pathToFileURL(join(folder, 'engine.mjs')).href);

Object.defineProperty(globalThis, 'self', {value: globalThis, configurable: true});
globalThis.WorkerGlobalScope ??= function WorkerGlobalScope() {};
globalThis.location ??= {href: pathToFileURL(folder).href + '/'};
globalThis.wasmBytes = new Uint8Array(readFileSync(join(folder, 'trace_processor.wasm')));
console.warn = () => {};

let glue = readFileSync(join(folder, 'engine_bundle.node.js'), 'utf8');
for (const [from, to] of [
    ['this.useMemory64 = hasMemory64Support();', 'this.useMemory64 = false;'],
    ['locateFile: (s) => s,', 'locateFile: (s) => s, wasmBinary: globalThis.wasmBytes,'],
    ['const wasmBridge = new', 'const wasmBridge = globalThis.bridge = new'],
]) {
    if (!glue.includes(from)) throw new Error(`the glue has no line: ${from}`);
    glue = glue.replace(from, to);
}
vm.runInThisContext(glue);
while (globalThis.bridge.reqBufferAddr === 0) await new Promise((done) => setTimeout(done, 5));

const {port1, port2} = new MessageChannel();
globalThis.bridge.initialize(port1);
class Engine extends EngineBase {
    mode = 'WASM';
    id = 'test';
    rpcSendRequestBytes(bytes) {
        port2.postMessage(bytes);
    }
}
const engine = new Engine();
port2.onmessage = ({data}) => {
    if (data instanceof Uint8Array) engine.onRpcResponseBytes(data);
};

await engine.parse(new Uint8Array(readFileSync(traceFile)));
await engine.notifyEof();
const spec = Object.fromEntries(columns.map((column) => {
    const [name, type] = column.split(':');
    return [name, {num: 0, str: 'str', long: 0n}[type]];  // the engine's own marks for these types
}));
const rows = [];
const result = await engine.query(query);
for (const row = result.iter(spec); row.valid(); row.next())
    rows.push(Object.fromEntries(Object.keys(spec).map((name) => [name, row[name]])));
console.log(JSON.stringify(rows, (_, value) => (typeof value === 'bigint' ? String(value) : value)));
process.exit(0);
