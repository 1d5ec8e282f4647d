/** The request URL of an app without Effect. */
import { after } from "next/server"
import { feishu } from "../../../lib/promise"

// `after` keeps a serverless function alive for the work of `afterAnswer`.
export const POST = (request: Request) => feishu().webhook.web(request, { waitUntil: after })
