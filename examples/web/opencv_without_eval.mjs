// OpenCV's JavaScript as this page can run it: without code made from text, which its Content-Security-Policy forbids,
// and without its WebAssembly, which the page holds compressed.
import { readFile } from "node:fs/promises";
import { runInNewContext } from "node:vm";

const FILE = /@opencvjs[\\/]web[\\/]lib[\\/]opencv_js\.js$/;

// Emscripten's binding layer writes the source of a function for each C++ function that JavaScript calls, and for each
// way in which C++ makes or calls JavaScript values, and compiles it with `new Function`. These two do the same steps as
// closures. Their names and arguments are those of the functions that they replace, and so is what else they call.
function createJsInvoker(argTypes, isClassMethodFunc, returns, _isAsync) {
  const count = argTypes.length - 2;
  const hasDestructors = usesDestructorStack(argTypes);
  return (_name, _throwBindingError, invoker, fn, runDestructors, fromReturn, toThis, ...converters) => {
    const toArguments = converters.slice(0, count);
    const destructorsOfArguments = converters.slice(count);
    return function (...values) {
      const destructors = hasDestructors ? [] : null;
      const converted = isClassMethodFunc ? [toThis(destructors, this)] : [];
      for (const [index, convert] of toArguments.entries()) converted.push(convert(destructors, values[index]));
      const result = invoker(fn, ...converted);
      if (hasDestructors) {
        runDestructors(destructors);
      } else {
        const types = argTypes.slice(isClassMethodFunc ? 1 : 2);
        const owned = converted.filter((_, index) => types[index].destructorFunction !== null);
        owned.forEach((value, index) => destructorsOfArguments[index](value));
      }
      return returns ? fromReturn(result) : undefined;
    };
  };
}

function __emval_create_invoker(argCount, argTypesPtr, kind) {
  const GenericWireTypeSize = 8;
  const [retType, ...argTypes] = emval_lookupTypes(argCount, argTypesPtr);
  const toReturnWire = retType.toWireType.bind(retType);
  const results = {
    0: (handle, _, values) => Emval.toValue(handle)(...values),
    1: (handle, methodName, values) => Emval.toValue(handle)[getStringOrSymbol(methodName)](...values),
    2: (handle, _, values) => new (Emval.toValue(handle))(...values),
    3: (_handle, _, values) => values.at(-1),
  };
  return emval_addMethodCaller((handle, methodName, destructorsRef, args) => {
    const values = argTypes.map((type, index) => type.readValueFromPointer(args + index * GenericWireTypeSize));
    const result = results[kind](handle, methodName, values);
    return retType.isVoid ? undefined : emval_returnValue(toReturnWire, destructorsRef, result);
  });
}

/** An esbuild plugin; `onWasm` is given the WebAssembly that it takes out, as a Buffer. */
export function opencvWithoutEval(onWasm) {
  return {
    name: "opencv-without-eval",
    setup(build) {
      build.onLoad({ filter: FILE }, async ({ path }) => {
        const source = await readFile(path, "utf8");
        const wasm = between(source, "return binaryDecode(", ")}function getBinarySync(");
        onWasm(decoded(wasm.text.slice("return binaryDecode(".length)));
        const contents = [
          ["return binaryDecode(", ")}function getBinarySync(", 'return binaryDecode(""'],
          ["function createJsInvoker(", "function craftInvokerFunction(", createJsInvoker],
          ["var __emval_create_invoker=", "var __emval_get_property=", `${__emval_create_invoker};`],
        ].reduce((text, [start, end, replacement]) => {
          const { before, after } = between(text, start, end);
          return `${before}${replacement}${after}`;
        }, source);
        if (/new Function|eval\(/.test(contents)) throw new Error("OpenCV's JavaScript makes more code from text.");
        return { contents, loader: "js" };
      });
    },
  };
}

/** A source in three parts: the text from `start` up to `end`, and what is around it. */
function between(source, start, end) {
  const pieces = source.split(start);
  const [text, after, ...more] = (pieces[1] ?? "").split(end);
  if (pieces.length !== 2 || after === undefined || more.length > 0) {
    throw new Error(
      `OpenCV's JavaScript does not have "${start}" and "${end}" once each: it is another one than this build knows. ` +
        "Install the version of @opencvjs/web that package-lock.json names: npm ci --ignore-scripts",
    );
  }
  return { before: pieces[0], text: start + text, after: end + after };
}

/** The bytes of a string literal in which Emscripten has put them: a character each, and U+0100 for the byte 0. */
function decoded(literal) {
  const text = runInNewContext(literal);
  return Buffer.from(Uint8Array.from(text, (character) => (character.charCodeAt(0) < 256 ? character.charCodeAt(0) : 0)));
}
