/** The command inside a shell's script. */
import { Command } from "@effect/platform"
import { Effect, Stream } from "effect"
import { fileURLToPath } from "node:url"

const bin = fileURLToPath(new URL("../bin/feishu-ticket.js", import.meta.url))

/** A script of bash's, in which `feishu-ticket` is the command, and `$node $bin` how it is run. */
export const bash = (script: string, env: Record<string, string> = {}) =>
  Effect.gen(function*() {
    const started = yield* Command.make("bash", "-c", `feishu-ticket() { "$node" "$bin" "$@"; }\n${script}`).pipe(
      Command.env({ ...env, node: process.execPath, bin }),
      Command.start
    )
    const text = <E>(stream: Stream.Stream<Uint8Array, E>) => Stream.mkString(Stream.decodeText(stream))
    const [stdout, stderr] = yield* Effect.all([text(started.stdout), text(started.stderr)], { concurrency: 2 })
    return { stdout, stderr }
  }).pipe(Effect.scoped)
