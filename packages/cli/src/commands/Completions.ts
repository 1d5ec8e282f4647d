/** `feishu-ticket completions`: the script that completes the command in a shell. */
import type { Shell } from "../Completions.js"
import * as Output from "../Output.js"

/** The script of each shell, as JSON. Made when the command is bundled. */
declare const __COMPLETIONS__: string

export const run = ({ shell }: { readonly shell: Shell }) => {
  const scripts = JSON.parse(__COMPLETIONS__) as Readonly<Record<Shell, string>>
  return Output.line(scripts[shell].trimEnd())
}
