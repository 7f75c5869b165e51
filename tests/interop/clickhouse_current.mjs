// ClickHouse's engine of today behind as much of its HTTP interface as an insert and a query need.
//
//   node clickhouse_current.mjs NODE_MODULES FOLDER PORT
import {createServer} from 'node:http';
import {createRequire} from 'node:module';

const [modules, folder, port] = process.argv.slice(2);
const {Session} = createRequire(modules + '/')('chdb');
const session = new Session(folder);

function run(url, body) {
    const settings = new URLSearchParams(url.slice(url.indexOf('?') + 1));
    const query = settings.get('query');
    if (!query) return session.query(body, 'JSON');
    settings.delete('query');
    const format = query.lastIndexOf(' FORMAT ');
    const quoted = [...settings].map(([name, value]) => `${name} = '${value}'`);
    return session.query(`${query.slice(0, format)} SETTINGS ${quoted.join(', ')}${query.slice(format)}\n${body}`, 'JSON');
}

createServer((request, response) => {
    const parts = [];
    request.on('data', (part) => parts.push(part));
    request.on('end', () => {
        try {
            response.end(run(request.url, Buffer.concat(parts).toString()));
        } catch (error) {
            const code = /Code: (\d+)/.exec(error.message);
            if (code) response.setHeader('X-ClickHouse-Exception-Code', code[1]);
            response.statusCode = 500;
            response.end(error.message);
        }
    });
}).listen(Number(port), '127.0.0.1');
