// Opens pages in Chromium and prints what they are like, as JSON: one object for each view of a page.
//
//     node html_report.mjs NODE_MODULES CHROMIUM FOLDER PAGE,WIDTH,SCHEME…
//
// The folder gets a screenshot of each view. The browser is told that it is offline; axe-core is put into the page, and
// the keyboard goes through it. Traces are all of one make, so axe sees two of them open.
import {readFileSync} from 'node:fs';
import {join} from 'node:path';
import {createRequire} from 'node:module';
import {pathToFileURL} from 'node:url';

const [modules, executablePath, folder, ...views] = process.argv.slice(2);
const require = createRequire(join(modules, 'any.js'));
const {chromium} = require('playwright-core');
const axe = readFileSync(require.resolve('axe-core/axe.min.js'), 'utf8');

const browser = await chromium.launch({executablePath, args: ['--no-sandbox', '--disable-gpu', '--disable-dev-shm-usage']});

/// What Tab reaches, from the top to the end.
async function reachedByTab(tab) {
    const reached = [];
    while (reached.length < 200) {
        await tab.keyboard.press('Tab');
        const what = await tab.evaluate(() => {
            const at = document.activeElement;
            return at === document.body ? '' : `${at.tagName}: ${(at.ariaLabel ?? at.textContent).trim().slice(0, 60)}`;
        });
        if (what === '') break;
        reached.push(what);
    }
    return reached;
}

/// Whether Enter opens the second trace; a page without one has nothing to open.
async function opensByEnter(tab) {
    const second = tab.locator('details.trace').nth(1);
    if (await second.count() === 0) return true;
    await second.locator('summary').focus();
    await tab.keyboard.press('Enter');
    return second.evaluate((trace) => trace.open);
}

async function look(page, width, colorScheme) {
    const context = await browser.newContext({viewport: {width, height: 900}, colorScheme, offline: true, bypassCSP: true});
    const tab = await context.newPage();
    const requests = [], errors = [];
    tab.on('request', (request) => requests.push(request.url()));
    tab.on('pageerror', (error) => errors.push(String(error)));
    tab.on('console', (message) => message.type() === 'error' && errors.push(message.text()));
    await tab.goto(pathToFileURL(join(folder, page)).href);
    const ms = await tab.evaluate(() => Math.ceil(performance.getEntriesByType('navigation')[0].loadEventEnd));
    await tab.screenshot({path: join(folder, `${page}-${width}-${colorScheme}.png`), fullPage: true});
    const reached = await reachedByTab(tab);
    const opened = await opensByEnter(tab);
    await tab.evaluate(() => [...document.querySelectorAll('details.more'), ...[...document.querySelectorAll(
        'details.trace')].slice(0, 2)].forEach((one) => (one.open = true)));
    await tab.addScriptTag({content: axe});
    const {violations} = await tab.evaluate(() => axe.run(document, {resultTypes: ['violations']}));
    const facts = await tab.evaluate(() => ({
        title: document.title,
        overflow: document.documentElement.scrollWidth - document.documentElement.clientWidth,
        scripts: document.scripts.length - 1,  // axe
        strangers: document.querySelectorAll('img,iframe,object,embed,form,input,a,[onerror],[onload]').length,
        ground: getComputedStyle(document.body).backgroundColor,
        traces: document.querySelectorAll('details.trace').length,
        tables: Object.fromEntries([...document.querySelectorAll('section:has(h2)')].map((section) => [
            section.querySelector('h2').id,
            [...section.querySelectorAll('tbody tr')].map((row) =>
                [...row.cells].map((cell) => cell.textContent.replaceAll('\u00a0', ' '))),
        ])),
        narrowest: Math.min(...[...document.querySelectorAll('.tool bdi,.name bdi')].map((name) =>
            name.textContent.length < 8 ? 1e9 : name.getBoundingClientRect().width)),
        left: Object.fromEntries([...document.querySelectorAll('.out div')].map((one) => [
            one.querySelector('dt').textContent, one.querySelector('dd').textContent])),
        spans: [...document.querySelectorAll('details.trace')].map((trace) =>
            [...trace.querySelectorAll('.fall li:not(.axis)')].map((line) => line.querySelector('.cut bdi').textContent)),
    }));
    await context.close();
    return {page, width, colorScheme, ms, requests: requests.length, errors, reached, opened, ...facts,
            violations: violations.map(({id, nodes}) => `${id}: ${nodes.length} times, ${nodes[0].html.slice(0, 200)}`)};
}

const results = [];
for (const view of views) {
    const [page, width, colorScheme] = view.split(',');
    results.push(await look(page, Number(width), colorScheme));
}
await browser.close();
console.log(JSON.stringify(results));
