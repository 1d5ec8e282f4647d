/** Writes the pages that are made from the sources: `npm run docs:generate`. */
import { mkdirSync, rmSync, writeFileSync } from "node:fs"
import { dirname } from "node:path"
import { apiPages, readModules } from "./apiReference.js"
import { errorCodesPage } from "./errorCodes.js"
import { folderOf, root } from "./navigation.js"

const write = (path: string, text: string) => {
  mkdirSync(dirname(root + path), { recursive: true })
  writeFileSync(root + path, text)
}

const modules = readModules()
for (const language of ["en", "zh"] as const) {
  write(`${folderOf(language)}reference/error-codes.md`, errorCodesPage(language))
  // A module that is gone leaves no page behind.
  rmSync(`${root}${folderOf(language)}api`, { recursive: true, force: true })
  for (const [path, page] of apiPages(modules, language)) write(path, page)
}
