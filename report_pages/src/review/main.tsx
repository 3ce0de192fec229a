import { render } from "preact";
import { readData, readPictures } from "../shared/filled_in";
import "../shared/theme.css";
import type { ReviewData } from "./review_data";
import "./review.css";
import { ReviewPage } from "./review_page";
import { reviewSet } from "./review_set";

const element = document.getElementById("page");
if (element !== null) render(<ReviewPage set={reviewSet(readData<ReviewData>(), readPictures())} />, element);
