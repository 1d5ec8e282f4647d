/** Reads the words of a command line. Needs nothing of Effect, so that help and version come at once. */
import * as CommandLine from "./CommandLine.js"
import { feishuTicket } from "./Commands.js"
import * as Completions from "./Completions.js"

declare const __VERSION__: string

export const read = (words: ReadonlyArray<string>): CommandLine.Parsed =>
  words[0] === "completion-server"
    ? { _tag: "print", text: Completions.answer(feishuTicket, process.env) }
    : CommandLine.parse(words, feishuTicket, __VERSION__)
