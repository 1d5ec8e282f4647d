/** The entries of the emulator's journal, as a command shows them. */
import * as Journal from "@effect-feishu/emulator/Journal"
import * as DateTime from "effect/DateTime"
import * as Output from "../../Output.js"
import * as Time from "../../Time.js"

/** Returns the document of an entry, and the line to read. */
export const show = (entry: Journal.Entry, paint: Output.Service["paint"]) => {
  const { _tag, at, ...rest } = entry
  const iso = (millis: number) => DateTime.formatIso(DateTime.unsafeMake(millis))
  return {
    json: {
      type: _tag.toLowerCase(),
      at: iso(at),
      ...rest,
      ...("endedAt" in rest ? { endedAt: iso(rest.endedAt) } : {})
    },
    text: `${paint("dim", Time.ofDay(at))}  ${Output.plain(Journal.line(entry))}`
  }
}
