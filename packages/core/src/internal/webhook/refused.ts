import { EventRefused } from "../../EventRefused.js"

export const refused = (reason: EventRefused["reason"], description: string): EventRefused =>
  new EventRefused({ reason, description })
