import type { BuildOptions } from "esbuild"

/** Makes a program of the tests a bundle for Node, with its packages. */
export const forNode = {
  bundle: true,
  platform: "node",
  format: "esm",
  target: "node20",
  // The parts of a bundle that are CommonJS require Node's own modules.
  banner: {
    js: "import { createRequire as makeRequire } from \"node:module\"; const require = makeRequire(import.meta.url);"
  }
} as const satisfies BuildOptions
