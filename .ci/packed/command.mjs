/** Runs the packed command with nothing beside it: the command has all that it needs in itself until a Redis is named. */
import { spawnSync } from "node:child_process"
import { writeFileSync } from "node:fs"
import { join } from "node:path"
import { environment } from "./environment.mjs"
import { unpack } from "./tarballs.mjs"

export const runAlone = (tarball, folder) => {
  unpack(tarball, folder)
  const body = join(folder, "body.txt")
  writeFileSync(body, "not a delivery")
  for (const name of ["resend", "serve", "ticket", "token", "doctor", "verify", "emulator"]) {
    // Loaded, the command finds that there is no app, or no body; the emulator would go on for ever.
    const args = name === "emulator"
      ? ["--port", "1", "--request-url", "nowhere"]
      : name === "verify"
      ? ["--body", body]
      : []
    const { status, stderr, stdout } = spawnSync(
      process.execPath,
      [join(folder, "bin/feishu-ticket.js"), name, ...args, "--json"],
      { env: environment, encoding: "utf8" }
    )
    if (status !== 2) throw new Error(`the packed command's ${name} ended with ${status}:\n${stdout}${stderr}`)
  }
}
