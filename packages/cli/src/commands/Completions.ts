/** `feishu-ticket completions`: the script that completes the command in a shell. */
import type * as Options from "../Options.js"
import * as Output from "../Output.js"

/** The script of each shell, as JSON. Made when the command is bundled. */
declare const __COMPLETIONS__: string

export const run = ({ shell }: Options.Completions) => {
  const scripts = JSON.parse(__COMPLETIONS__) as Readonly<Record<Options.Completions["shell"], string>>
  return Output.line(scripts[shell].trimEnd())
}
