// The AI SDK on every protocol: node vercel.mjs URL → one JSON line per answer.
import { createAnthropic } from "@ai-sdk/anthropic";
import { createOpenAI } from "@ai-sdk/openai";
import { createOpenAICompatible } from "@ai-sdk/openai-compatible";
import { generateText, stepCountIs, streamText, tool } from "ai";
import { z } from "zod";

const baseURL = `${process.argv[2]}/v1`;
const apiKey = "none";
const models = {
  messages: createAnthropic({ baseURL, apiKey })("mimo-v2-flash"),
  responses: createOpenAI({ baseURL, apiKey }).responses("mimo-v2-flash"),
  chat: createOpenAI({ baseURL, apiKey }).chat("mimo-v2-flash"),
  compatible: createOpenAICompatible({ name: "mimo", baseURL, apiKey, includeUsage: true })("mimo-v2-flash"),
};
const get_weather = tool({
  description: "The weather",
  inputSchema: z.object({ location: z.string() }),
  execute: async ({ location }) => `sunny in ${location}`,
});
for (const [name, model] of Object.entries(models)) {
  for (const prompt of ["Say hello", "San Francisco"]) {
    const asked = { model, prompt, tools: { get_weather }, stopWhen: stepCountIs(3), maxRetries: 0 };
    const whole = await generateText(asked);
    const problems = [];
    const stream = streamText({ ...asked, onError: ({ error }) => problems.push(String(error)) });
    let streamed = "";
    for await (const piece of stream.textStream) streamed += piece;
    const [usage, steps] = [await stream.totalUsage, await stream.steps];
    console.log(JSON.stringify({
      name, prompt, whole: whole.text, streamed, problems, steps: [whole.steps.length, steps.length],
      tokens: [whole.totalUsage.outputTokens, usage.outputTokens], finish: [whole.finishReason, await stream.finishReason],
    }));
  }
}
