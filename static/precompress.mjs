// Writes `.gz` and `.br` beside every built file that gains from it, for servers that send such siblings.
// The same input gives the same bytes: no time and no operating system is kept in the gzip header.
import { readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { extname, join } from 'node:path';
import { brotliCompressSync, constants, gzipSync } from 'node:zlib';

const COMPRESSIBLE = new Set(['.css', '.html', '.js', '.json', '.svg', '.txt', '.webmanifest', '.xml']);
// Below this a response fits one packet anyway.
const SIZE_BYTES_MIN = 1024;
// A sibling must be at most this share of the original.
const RATIO_MAX = 0.95;

function gzip(bytes) {
  const packed = gzipSync(bytes, { level: 9 });
  packed.fill(0, 4, 8); // MTIME: none (RFC 1952 section 2.3.1)
  packed[9] = 255; // OS: unknown
  return packed;
}

function brotli(bytes) {
  return brotliCompressSync(bytes, {
    params: {
      [constants.BROTLI_PARAM_QUALITY]: 11,
      [constants.BROTLI_PARAM_MODE]: constants.BROTLI_MODE_TEXT,
      [constants.BROTLI_PARAM_SIZE_HINT]: bytes.length,
    },
  });
}

const root = process.argv[2];
if (!root) {
  console.error('usage: node precompress.mjs FOLDER');
  process.exit(64);
}

const files = readdirSync(root, { recursive: true, withFileTypes: true })
  .filter((entry) => entry.isFile() && COMPRESSIBLE.has(extname(entry.name)))
  .map((entry) => join(entry.parentPath, entry.name))
  .sort();

for (const file of files) {
  const bytes = readFileSync(file);
  if (bytes.length < SIZE_BYTES_MIN) continue;
  for (const [suffix, compress] of [['.gz', gzip], ['.br', brotli]]) {
    const packed = compress(bytes);
    if (packed.length > bytes.length * RATIO_MAX) continue;
    writeFileSync(file + suffix, packed);
    console.log(`${file}${suffix}  ${bytes.length} -> ${packed.length}`);
  }
}
