/** Before all tests: what those of this package run is the command as a user gets it. */
import { execFileSync } from "node:child_process"
import { fileURLToPath } from "node:url"

export default () => {
  execFileSync(process.execPath, [fileURLToPath(new URL("../bundle.mjs", import.meta.url))], { stdio: "inherit" })
}
