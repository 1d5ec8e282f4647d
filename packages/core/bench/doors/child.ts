/** What runs in processes of its own: the servers, and what is measured without sockets. */
import * as InProcess from "./inProcess.js"
import * as Servers from "./servers.js"

const [kind, name = ""] = process.argv.slice(2)

if (kind === "serve") await Servers.serve(name)
else await InProcess.run(name, process.argv.includes("--quick"))
