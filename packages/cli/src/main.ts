/** Answers help and version at once, and loads the rest for a command. */
import * as ExitCode from "./ExitCode.js"
import * as Program from "./Program.js"

// Tickets are secrets: other users must not read the files of this process.
process.umask(0o077)

const words = process.argv.slice(2)
const parsed = Program.read(words)
const { isService = false, outlivesReader = false } = parsed._tag === "run" ? parsed.command : {}

/** Ends the process because a stream cannot be written to. */
let end = (code: number): void => process.exit(code)

const codeOf = ({ code }: NodeJS.ErrnoException) => code === "EPIPE" ? ExitCode.readerGone : ExitCode.cannotWrite

// Each write fails after the first failure.
process.stdout.on("error", () => {}).once("error", (error: NodeJS.ErrnoException) => {
  if (error.code === "EPIPE" && outlivesReader) {
    process.stderr.write("nobody reads standard output any longer; the command goes on without a reader\n")
    return
  }
  if (error.code !== "EPIPE") process.stderr.write(`standard output cannot be written to: ${error.message}\n`)
  end(codeOf(error))
})
// A service must not go on without its log. A supervisor starts the service again, with a new log.
process.stderr.on("error", () => {}).once("error", (error: NodeJS.ErrnoException) => end(codeOf(error)))

if (parsed._tag === "print") process.stdout.write(`${parsed.text}\n`)
else {
  const { start } = await import("./process.js")
  end = start({ parsed, words, isService })
}
