import { render } from "preact";
import { readData, readPictures } from "../shared/filled_in";
import "../shared/theme.css";
import { Page } from "./page";
import "./training.css";
import type { TrainingData } from "./training_data";

const element = document.getElementById("page");
if (element !== null) render(<Page data={readData<TrainingData>()} picture={readPictures()} />, element);
