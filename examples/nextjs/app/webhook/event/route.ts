/** The request URL. */
import { EventWebHandler } from "@effect-feishu/core"
import { after } from "next/server"
import { runtime } from "../../../lib/feishu"

const { handler } = EventWebHandler.make(runtime)

// `after` keeps a serverless function alive for the background tasks of the handlers.
export const POST = (request: Request) => handler(request, { waitUntil: after })
