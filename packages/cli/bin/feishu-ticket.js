#!/usr/bin/env node
import * as module from "node:module"

// From Node 22.1 on, what has been compiled once need not be compiled at the next start.
module.enableCompileCache?.()

try {
  await import("../dist/main.js")
} catch (error) {
  if (error?.code !== "ERR_MODULE_NOT_FOUND" || !String(error.message).includes("main.js")) throw error
  process.stderr.write("feishu-ticket is not built yet. In a clone of its repository: npm install && npm run build\n")
  process.exitCode = 2
}
