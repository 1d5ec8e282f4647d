#!/usr/bin/env node
import * as module from "node:module"

const [major, minor] = process.versions.node.split(".").map(Number)
if (major < 20 || (major === 20 && minor < 19)) {
  process.stderr.write(`feishu-ticket needs Node 20.19 or later, and this is Node ${process.versions.node}\n`)
  process.exit(2)
}

// From Node 22.1 on, what has been compiled once need not be compiled at the next start.
module.enableCompileCache?.()

// The commands that scripts call are bundled once more without the others: they start sooner.
const isOneShot = ["resend", "ticket", "token"].includes(process.argv[2])

try {
  await import(isOneShot ? "../dist/one-shot/main.js" : "../dist/main.js")
} catch (error) {
  if (error?.code !== "ERR_MODULE_NOT_FOUND" || !String(error.message).includes("main.js")) throw error
  process.stderr.write("feishu-ticket is not built yet. In a clone of its repository: npm install && npm run build\n")
  process.exitCode = 2
}
