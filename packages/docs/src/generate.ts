/** Writes the pages that are made from the sources: `npm run docs:generate`. */
import { mkdirSync, writeFileSync } from "node:fs"
import { dirname } from "node:path"
import { errorCodesPage } from "./errorCodes.js"
import { folderOf, root } from "./navigation.js"

const write = (path: string, text: string) => {
  mkdirSync(dirname(root + path), { recursive: true })
  writeFileSync(root + path, text)
}

for (const language of ["en", "zh"] as const) {
  write(`${folderOf(language)}reference/error-codes.md`, errorCodesPage(language))
}
