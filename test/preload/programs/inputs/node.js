// Work of many kinds for node; prints digests that depend on nothing but the rounds asked for.
'use strict';
const crypto = require('crypto');
const zlib = require('zlib');
const childProcess = require('child_process');
const { Worker, isMainThread, workerData, parentPort } = require('worker_threads');

const digest = (value) => crypto.createHash('sha256').update(value).digest('hex').slice(0, 16);

// Maps, JSON, strings and regular expressions on V8's own heap.
function objects() {
  const table = new Map();
  for (let i = 0; i < 30000; i++) table.set(`key${i}`, { i, list: Array(i % 20).fill(i), text: 'x'.repeat(i % 300) });
  for (let i = 0; i < 30000; i += 3) table.delete(`key${i}`);
  const text = JSON.stringify([...table].slice(0, 8000));
  return digest(text.replace(/"key(\d+)"/g, (_, n) => n * 2)) + ` ${JSON.parse(text).length}`;
}

// Buffers outside V8's heap: thousands of them, of all sizes, in any order of death.
function buffers() {
  const kept = [];
  let sum = 0;
  for (let i = 0; i < 6000; i++) {
    const buffer = Buffer.alloc(4096 + (i * 7919) % 60000, i % 256);
    if (i % 3 === 0) kept.push(buffer);
    if (kept.length > 100) sum += kept.splice(i % 90, 1)[0].length;
  }
  return `${sum} ${digest(Buffer.concat(kept))}`;
}

// zlib's and OpenSSL's own allocations.
function packing() {
  const text = Buffer.from(Array.from({ length: 30000 }, (_, i) => `line ${i * 31 % 977}`).join('\n'));
  const parts = [zlib.gzipSync(text, { level: 6 }), zlib.brotliCompressSync(text, {
    params: { [zlib.constants.BROTLI_PARAM_QUALITY]: 4 } }), zlib.deflateRawSync(text)];
  if (!zlib.gunzipSync(parts[0]).equals(text)) throw new Error('gzip: not what was packed');
  const key = crypto.scryptSync('secret', 'salt', 32, { N: 1024 });
  const cipher = crypto.createCipheriv('aes-256-gcm', key, Buffer.alloc(12));
  const hidden = Buffer.concat([cipher.update(text), cipher.final(), cipher.getAuthTag()]);
  return digest(Buffer.concat([...parts.slice(1), hidden]));
}

// Many compressions at once on libuv's thread pool.
async function inThePool() {
  const jobs = Array.from({ length: 60 }, (_, i) => new Promise((resolve, reject) =>
    zlib.deflate(Buffer.alloc(100000, `${i} text`), (error, out) => error ? reject(error) : resolve(out))));
  return digest(Buffer.concat(await Promise.all(jobs)));
}

// Isolates in threads of their own, which come and go.
async function inWorkers() {
  const jobs = [1, 2, 3, 4].map((seed) => new Promise((resolve, reject) => {
    const worker = new Worker(__filename, { workerData: seed });
    worker.once('message', resolve);
    worker.once('error', reject);
  }));
  return digest((await Promise.all(jobs)).join());
}

// Children by spawn, several at once.
async function inChildren() {
  const jobs = [1, 2, 3].map((n) => new Promise((resolve, reject) =>
    childProcess.execFile('/usr/bin/seq', [`${n}000`], (error, out) => error ? reject(error) : resolve(out))));
  return digest((await Promise.all(jobs)).join());
}

async function main() {
  for (let round = 0; round < Number(process.argv[2]); round++) {
    for (const part of [objects, buffers, packing, inThePool, inWorkers]) {
      console.log(part.name, await part());
    }
  }
  console.log(inChildren.name, await inChildren());
}

if (isMainThread) main();
else parentPort.postMessage(`${workerData} ${objects()} ${buffers()}`);
