// The kernel's own interrupt, asked for over the server: it arrives where comm messages wait for the cell to end.

function baseUrl() {
  const config = document.getElementById("jupyter-config-data");
  try {
    return JSON.parse(config?.textContent ?? "{}").baseUrl ?? "/";
  } catch {
    return "/";
  }
}

export async function interruptKernel(kernelId) {
  if (!kernelId) return false;
  const xsrf = /(?:^|;\s*)_xsrf=([^;]+)/.exec(document.cookie)?.[1];
  const headers = xsrf ? { "X-XSRFToken": decodeURIComponent(xsrf) } : {};
  try {
    const path = `${baseUrl()}api/kernels/${encodeURIComponent(kernelId)}/interrupt`;
    const answer = await fetch(path, { method: "POST", headers, credentials: "same-origin" });
    return answer.ok;
  } catch {
    return false;
  }
}
