import type { BuildOptions } from 'esbuild'

/** Packages with a binary of their own, or with files that they look for beside themselves, stay outside of the bundle. */
const OUTSIDE = ['better-sqlite3', '@node-rs/argon2', 'playwright-core']

/** How a program of ours is bundled for Node: the server, and the control that `npm run bench` compares it with. */
export const BUNDLE = {
  bundle: true,
  splitting: true,
  platform: 'node',
  format: 'esm',
  target: 'node22.18',
  chunkNames: 'chunks/[name]-[hash]',
  external: OUTSIDE,
  legalComments: 'none',
  minifySyntax: true,
  sourcemap: false,
  // Bundled CommonJS packages ask for Node's own modules by require.
  banner: {
    js: "import { createRequire as __createRequire } from 'node:module'; const require = __createRequire(import.meta.url);",
  },
  logLevel: 'warning',
} satisfies BuildOptions
