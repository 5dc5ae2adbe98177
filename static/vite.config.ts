// How the demo application is built: hashed files, one vendor chunk, nothing inline, so that the page
// runs under `Content-Security-Policy: default-src 'self'`. Compression is in precompress.mjs.
import { defineConfig } from 'vite';

// `npm run dev` serves the source and passes the API on to a running edge.
const edge = process.env.TRANSOM_ORIGIN ?? 'http://127.0.0.1:8080';

export default defineConfig({
  base: '/',
  server: {
    proxy: {
      '/api': { target: edge },
      '/ws': { target: edge, ws: true },
    },
  },
  build: {
    outDir: 'dist',
    emptyOutDir: true,
    target: 'es2022',
    // A `data:` URL would need its own word in the policy.
    assetsInlineLimit: 0,
    // Every browser of the target knows modulepreload.
    modulePreload: { polyfill: false },
    reportCompressedSize: false,
    rolldownOptions: {
      output: {
        // Hex, so that a hash has no `-` or `_` that could be taken for a part of the name.
        hashCharacters: 'hex',
        entryFileNames: 'assets/[name]-[hash:10].js',
        chunkFileNames: 'assets/[name]-[hash:10].js',
        assetFileNames: 'assets/[name]-[hash:10][extname]',
        codeSplitting: {
          groups: [
            { name: 'vendor', test: /node_modules/, priority: 2 },
            // What the entry and the lazy view both use. In a chunk of its own the lazy view does not
            // import the entry, and keeps its hash when only the entry changes.
            { name: 'shared', test: /\/src\/(backoff|(api|ui)\/.*)\.tsx?$/, priority: 1 },
          ],
        },
      },
    },
  },
});
