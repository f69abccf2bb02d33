/* jido_nb 4499f8de3c67176a */
function s(t){let r=globalThis[Symbol.for("jido_nb.hubs")]??=new Map,e=r.get(t);return e||(e={},e.ready=new Promise(n=>e.resolve=n),r.set(t,e)),e.ready}var u={async render({model:t,el:r,signal:e}){let n=await s(t.get("hub"));if(!e?.aborted)return n.mount(r,t.get("sid"),t.get("snap"))}};export{u as default};
