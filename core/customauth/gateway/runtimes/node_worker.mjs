// Load a Node.js authorizer function and answer invocations of it: the whole life of one worker process.
//
// The pool starts this file as a program: node node_worker.mjs FILE HANDLER CHANNEL LIFE. What is spoken on the two
// descriptors is written down in python_worker.py. A thread of its own waits on the life line, so that the end of the
// gateway ends a function that loops.

import { spawnSync } from 'node:child_process';
import { Session } from 'node:inspector';
import { realpathSync } from 'node:fs';
import { createRequire } from 'node:module';
import { Socket } from 'node:net';
import { dirname, sep } from 'node:path';
import { fileURLToPath, pathToFileURL } from 'node:url';
import { types } from 'node:util';
import { Worker, isMainThread, workerData } from 'node:worker_threads';

const HEADER_SIZE = 5;
const READY = 'Y';
const ANSWER = 'A';
const RAISED = 'R';
const LAST = 'L';
const FAULT = 'F';
const FILES = 'S';
const MAX_PAYLOAD = 6_291_556;
const MAX_MESSAGE = 65_536;
const OLDEST_NODE = 18;

// The exit statuses of Lambda's own runtime.
const EXIT_REJECTION = 128;
const EXIT_EXCEPTION = 129;

class Fault extends Error {
  constructor(type, message, line = null) {
    super(message);
    this.type = type;
    this.line = line;
  }
}

class Process {
  #file;
  #channel;
  #sources;
  #environment = { ...process.env };
  #received = Buffer.alloc(0);
  #handler = null;
  #invocation = null;
  #invocations = 0;

  constructor(file, channel) {
    this.#file = file;
    this.#sources = new Sources(file);
    this.#channel = new Socket({ fd: channel, readable: true, writable: true });
    this.#channel.on('error', () => {});
    process.on('beforeExit', () => this.#invocation?.loopIsEmpty());
    process.on('uncaughtException', (error) => this.#broken(error, describe(error, file), EXIT_EXCEPTION));
    process.on('unhandledRejection', (reason) => {
      const { message, line } = describe(reason, file);
      const text = types.isNativeError(reason) ? `${reason.name}: ${message}` : message;
      this.#broken(reason, { type: 'Runtime.UnhandledPromiseRejection', message: text, line }, EXIT_REJECTION);
    });
  }

  async load(name) {
    try {
      this.#handler = await loadHandler(this.#file, name);
    } catch (error) {
      if (!(error instanceof Fault)) print(error);
      this.#send(FAULT, loadError(error, this.#file), () => process.exit(1));
      return;
    }
    this.#sendFiles(true);
    this.#send(READY, '');
    this.#channel.on('data', (data) => this.#receive(data));
  }

  #receive(data) {
    this.#received = Buffer.concat([this.#received, data]);
    if (this.#received.length < HEADER_SIZE) return;
    const end = HEADER_SIZE + this.#received.readUInt32BE(1);
    if (this.#received.length < end) return;
    const request = JSON.parse(this.#received.subarray(HEADER_SIZE, end).toString());
    this.#received = this.#received.subarray(end);
    this.#invoke(request);
  }

  #invoke({ event, ...about }) {
    this.#invocations += 1;
    // An event loop that is empty but for the channel ends the invocation.
    this.#channel.unref();
    this.#invocation = new Invocation((kind, body) => {
      this.#channel.ref();
      this.#invocation = null;
      this.#sendFiles(this.#invocations === 1);
      whenPrinted(() => this.#send(kind, body));
    }, this.#file);
    this.#invocation.run(this.#handler, event, about, this.#environment);
  }

  #broken(error, described, status) {
    print(error);
    const kind = this.#handler === null ? FAULT : LAST;
    if (this.#handler !== null && this.#invocation === null) process.exit(status);
    this.#invocation = null;
    this.#send(kind, described, () => process.exit(status));
  }

  #sendFiles(thoroughly) {
    const files = this.#sources.news(thoroughly);
    if (files.length > 0) this.#send(FILES, files);
  }

  #send(kind, body, sent) {
    const payload = Buffer.from(typeof body === 'string' ? body : JSON.stringify(body));
    const header = Buffer.alloc(HEADER_SIZE);
    header.write(kind, 'latin1');
    header.writeUInt32BE(payload.length, 1);
    this.#channel.write(Buffer.concat([header, payload]), sent);
  }
}

// What was printed has to be there before the answer: the gateway looks for it then.
function whenPrinted(then) {
  const busy = [process.stdout, process.stderr].filter((stream) => stream.writableLength > 0);
  if (busy.length === 0) then();
  else Promise.all(busy.map((stream) => new Promise((done) => { stream.write('', done); }))).then(then);
}

// One invocation: whichever of callback, context.done and the promise speaks first counts, as in Lambda.
class Invocation {
  #send;
  #file;
  #spoken = false;
  #waits = true;
  #whenEmpty = () => this.#answer(null);

  constructor(send, file) {
    this.#send = send;
    this.#file = file;
  }

  run(handler, event, about, environment) {
    const callback = (error, value) => {
      if (error !== undefined && error !== null) {
        this.#first(() => this.#fail(error));
      } else {
        this.#first(() => (this.#waits ? (this.#whenEmpty = () => this.#answer(value)) : this.#answer(value)));
      }
    };
    const context = this.#context(about, environment);
    try {
      const returned = handler(event, context, callback);
      if (typeof returned?.then === 'function') returned.then(context.succeed, context.fail);
    } catch (error) {
      this.#first(() => this.#fail(error));
    }
  }

  loopIsEmpty() {
    this.#spoken = true;
    this.#whenEmpty();
  }

  #context({ arn, request_id, timeout }, environment) {
    const deadline = performance.now() + timeout * 1000;
    const invocation = this;
    const succeed = (value) => this.#first(() => this.#answer(value));
    const fail = (error) => this.#first(() => this.#fail(error ?? 'handled'));
    return {
      get callbackWaitsForEmptyEventLoop() {
        return invocation.#waits;
      },
      set callbackWaitsForEmptyEventLoop(value) {
        invocation.#waits = value;
      },
      done: (error, value) => (error === undefined || error === null ? succeed(value) : fail(error)),
      succeed,
      fail,
      functionVersion: environment.AWS_LAMBDA_FUNCTION_VERSION,
      functionName: environment.AWS_LAMBDA_FUNCTION_NAME,
      memoryLimitInMB: environment.AWS_LAMBDA_FUNCTION_MEMORY_SIZE,
      logGroupName: environment.AWS_LAMBDA_LOG_GROUP_NAME,
      logStreamName: environment.AWS_LAMBDA_LOG_STREAM_NAME,
      clientContext: undefined,
      identity: undefined,
      invokedFunctionArn: arn,
      awsRequestId: request_id,
      getRemainingTimeInMillis: () => Math.max(Math.floor(deadline - performance.now()), 0),
    };
  }

  #first(speak) {
    if (this.#spoken) return;
    this.#spoken = true;
    speak();
  }

  #answer(value) {
    try {
      this.#send(ANSWER, toJson(value));
    } catch (error) {
      this.#send(FAULT, { type: error.type, message: error.message, line: null });
    }
  }

  #fail(error) {
    print(error);
    this.#send(RAISED, describe(error, this.#file));
  }
}

// The files of the function's folder that have been loaded, those of packages left out.
class Sources {
  #folder;
  #cache;
  #sent = new Set();

  constructor(file) {
    this.#folder = dirname(file) + sep;
    this.#cache = createRequire(file).cache;
  }

  // Return those not returned before; only a thorough look, which takes milliseconds, sees ECMAScript modules.
  news(thoroughly) {
    const loaded = [...Object.keys(this.#cache), ...(thoroughly ? scripts() : [])];
    const news = new Set(loaded.filter((file) => this.#isSource(file) && !this.#sent.has(file)));
    news.forEach((file) => this.#sent.add(file));
    return [...news];
  }

  #isSource(file) {
    return file.startsWith(this.#folder) && !file.slice(this.#folder.length).split(sep).includes('node_modules');
  }
}

// Nothing but the inspector tells which ECMAScript modules have been loaded; it tells at once, and is left again.
function scripts() {
  const files = [];
  const session = new Session();
  try {
    session.connect();
    session.on('Debugger.scriptParsed', ({ params }) => {
      if (params.url.startsWith('file://')) files.push(fileURLToPath(params.url));
    });
    session.post('Debugger.enable');
    session.post('Debugger.disable');
    session.disconnect();
  } catch {
    // This Node.js was built without an inspector: changes of such modules are not seen.
  }
  return files;
}

async function loadHandler(file, name) {
  const major = process.versions.node.split('.')[0];
  if (Number(major) < OLDEST_NODE) {
    const message = `Node.js ${OLDEST_NODE} or later is needed, and this is ${process.version}; install a newer one`;
    throw new Fault('Runtime.StartError', message);
  }
  process.env.AWS_EXECUTION_ENV = `AWS_Lambda_nodejs${major}.x`;
  const loaded = await import(pathToFileURL(file));
  const find = (from) => name.split('.').reduce((value, key) => value?.[key], from);
  // The exports of a CommonJS module are the default export, and not all are found by name.
  const handler = find(loaded) ?? find(loaded.default);
  const wanted = process.env._HANDLER ?? name;
  if (handler === undefined || handler === null) {
    throw new Fault('Runtime.HandlerNotFound', `${wanted} is undefined or not exported`);
  }
  if (typeof handler !== 'function') throw new Fault('Runtime.HandlerNotFound', `${wanted} is not a function`);
  return handler;
}

function loadError(error, file) {
  if (error instanceof Fault) return { type: error.type, message: error.message, line: error.line };
  const { type, message, line } = describe(error, file);
  if (error instanceof SyntaxError) {
    return { type: 'Runtime.UserCodeSyntaxError', message: `SyntaxError: ${message}`, line: line ?? checked(file) };
  }
  if (['MODULE_NOT_FOUND', 'ERR_MODULE_NOT_FOUND'].includes(error?.code)) {
    return { type: 'Runtime.ImportModuleError', message: `Error: ${message}`, line };
  }
  return { type, message, line };
}

// Return the line of a syntax error in an ECMAScript module, which its exception does not hold.
function checked(file) {
  return lineOf({ stack: spawnSync(process.execPath, ['--check', file]).stderr }, file);
}

function toJson(value) {
  let payload;
  let reason = '';
  try {
    payload = JSON.stringify(value === undefined ? null : value);
    if (payload === undefined) reason = `: it is a ${typeof value}`;
  } catch (error) {
    // The rest of the message, or all of another, may be the function's own words.
    const known = ['Converting circular structure to JSON', 'Do not know how to serialize a BigInt'];
    const found = known.find((text) => describe(error, '').message.startsWith(text));
    if (found !== undefined) reason = `: ${found}`;
  }
  if (payload === undefined) throw new Fault('Error', `Unable to stringify response body${reason}`);
  if (Buffer.byteLength(payload) > MAX_PAYLOAD) {
    const message = `Response payload size exceeded maximum allowed payload size (${MAX_PAYLOAD} bytes).`;
    throw new Fault('Function.ResponseSizeTooLarge', message);
  }
  return payload;
}

function describe(error, file) {
  try {
    if (types.isNativeError(error) || error instanceof Error) {
      const message = String(error.message).slice(0, MAX_MESSAGE);
      return { type: String(error.name).slice(0, MAX_MESSAGE), message, line: lineOf(error, file) };
    }
    return { type: typeof error, message: String(error).slice(0, MAX_MESSAGE), line: null };
  } catch {
    const message =
      'callback called with Error argument, but there was a problem while retrieving one or more of its ' +
      'message, name, and stack';
    return { type: 'handled', message, line: null };
  }
}

function lineOf(error, file) {
  const stack = String(error.stack);
  for (const place of [`${pathToFileURL(file)}:`, `${file}:`]) {
    const found = stack.indexOf(place);
    const line = found < 0 ? NaN : Number.parseInt(stack.slice(found + place.length), 10);
    if (!Number.isNaN(line)) return line;
  }
  return null;
}

function print(error) {
  try {
    console.error(error);
  } catch {
    // The function may have closed or replaced its standard error.
  }
}

function outlive(life) {
  const line = new Socket({ fd: life, readable: true, writable: false });
  // The gateway is gone, and with it whatever would have stopped the function or its children.
  line.on('error', () => {});
  line.on('close', () => process.kill(-process.pid, 'SIGKILL'));
  line.resume();
}

if (isMainThread) {
  const [name, handler, channel, life] = process.argv.slice(2);
  // Node.js follows symbolic links before it loads a module, and names the file behind them.
  const file = realpathSync(name);
  new Worker(new URL(import.meta.url), { workerData: { life: Number(life) }, env: {} }).unref();
  await new Process(file, Number(channel)).load(handler);
} else {
  outlive(workerData.life);
}
