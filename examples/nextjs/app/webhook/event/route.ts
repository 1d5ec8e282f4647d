/** The request URL. */
import { EventWebHandler } from "@effect-feishu/core"
import { runtime } from "../../../lib/feishu"

export const POST = EventWebHandler.make(runtime).handler
