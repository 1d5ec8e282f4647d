/** `feishu-ticket completions`: the script that completes the command in a shell. */
import type { Shell } from "../Completions.js"
import * as Output from "../Output.js"

/** Made when the command is bundled. */
declare const __COMPLETIONS__: Readonly<Record<Shell, string>>

export const run = ({ shell }: { readonly shell: Shell }) => Output.line(__COMPLETIONS__[shell].trimEnd())
