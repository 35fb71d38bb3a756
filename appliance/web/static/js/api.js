// The JSON API, as any other program would use it, with the session's CSRF token.

const csrf = document.querySelector("meta[name=csrf]").content;

/** An answer that says no. `problems` maps each refused parameter to what is allowed. */
export class Refused extends Error {
  constructor(message, status, problems) {
    super(message);
    this.status = status;
    this.problems = problems || {};
  }
}

/** The box did not answer at all. */
export class NoConnection extends Error {}

/** `body` is sent as JSON, a file as it is. */
export async function call(method, path, body, timeoutMs = 20000) {
  const request = { method, headers: {}, cache: "no-store", signal: AbortSignal.timeout(timeoutMs) };
  if (method !== "GET") request.headers["X-CSRF-Token"] = csrf;
  if (body instanceof Blob) {
    request.body = body;
  } else if (body !== undefined) {
    request.headers["Content-Type"] = "application/json";
    request.body = JSON.stringify(body);
  }
  let response, answer;
  try {
    response = await fetch(path, request);
    answer = await response.json();
  } catch (error) {
    throw new NoConnection("no connection to the box");
  }
  if (response.status === 401) {
    location.assign(`/sign-in?next=${encodeURIComponent(location.pathname)}`);
    throw new Refused("signed out", 401);
  }
  if (!response.ok) throw new Refused(answer.errMsg || `HTTP ${response.status}`, response.status, answer.problems);
  return answer;
}

/** "start:fail no such stream" as people say it. */
export function inWords(message) {
  const reason = message.replace(/^\w+:fail ?/, "") || message;
  return reason.charAt(0).toUpperCase() + reason.slice(1);
}
