/** Answers help and version at once, and loads the rest for a command. */
import * as ExitCode from "./ExitCode.js"
import * as Program from "./Program.js"

// Tickets are secrets: other users must not read the files of this process.
process.umask(0o077)

const words = process.argv.slice(2)
const parsed = Program.read(words)
const isService = Program.isService(parsed)

for (const [name, stream] of [["output", process.stdout], ["error", process.stderr]] as const) {
  stream.on("error", (error: NodeJS.ErrnoException) => {
    if (error.code === "EPIPE") {
      // The reader has closed the pipe, as `head` does. A service goes on without its reader.
      if (!isService) process.exit(ExitCode.readerGone)
      return
    }
    if (name === "output") process.stderr.write(`standard output cannot be written to: ${error.message}\n`)
    process.exit(ExitCode.cannotWrite)
  })
}

if (parsed._tag === "print") process.stdout.write(`${parsed.text}\n`)
else {
  const { start } = await import("./process.js")
  start({ parsed, words, isService })
}
