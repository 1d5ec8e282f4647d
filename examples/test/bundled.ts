import { fileURLToPath } from "node:url"

/** The folder of the examples. */
export const examples = fileURLToPath(new URL("..", import.meta.url))

/** The file for `node` that `bundle.ts` makes of this program, a path from the folder of the examples. */
export const bundled = (program: string): string => `${examples}build/bundled/${program.replace(/\.ts$/, ".mjs")}`
