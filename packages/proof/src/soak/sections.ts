/** Long runs. */
import type * as Effect from "effect/Effect"
import type { Section } from "../report/Section.js"
import * as Days from "./days.js"
import * as Minutes from "./minutes.js"

export const sections = (isQuick: boolean): Readonly<Record<string, Effect.Effect<Section, unknown>>> => ({
  "days": Days.section(isQuick ? 6 : 30),
  "minutes": Minutes.section(isQuick ? 60 : 600)
})
