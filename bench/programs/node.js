// SPDX-License-Identifier: Apache-2.0
// What bench/programs.py has node do: buffers outside of its own heap, JSON, maps, compression.
const zlib = require('zlib');

let check = 0;
const live = [];
for (let i = 0; i < 200000; ++i) {
  const buffer = Buffer.allocUnsafeSlow(64 + (i * 7919) % 8000);
  buffer[0] = i & 255;
  live[i % 5000] = buffer;
  check += buffer.length;
}
const records = [];
for (let i = 0; i < 60000; ++i) records.push({id: i, name: 'n' + i, tags: [i % 3, i % 5, String(i % 7)]});
for (let i = 0; i < 3; ++i) check += JSON.parse(JSON.stringify(records)).length;
const map = new Map();
for (let i = 0; i < 400000; ++i) map.set('key' + (i % 100000), i);
check += map.size;
const text = Buffer.from(JSON.stringify(records));
for (let i = 0; i < 6; ++i) check += zlib.inflateSync(zlib.deflateSync(text, {level: 1})).length;
console.log(check);
